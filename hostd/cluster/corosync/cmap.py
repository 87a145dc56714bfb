"""Corosync's configuration and statistics as it runs with them (libcmap).

Source: cmap_overview(3), cmap_keys(7), cmap_get(3), cmap_iter_init(3), cmap.h of Corosync 3.1.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hostd.cluster.corosync.library import Code, Handle, Library, Missing, failure

NAME_BYTES = 255
ICMAP = 0
STATS = 1

Value = int | float | str | bytes

_STRING = 11
_NUMBERS: dict[int, type[Any]] = {
    1: ctypes.c_int8,
    2: ctypes.c_uint8,
    3: ctypes.c_int16,
    4: ctypes.c_uint16,
    5: ctypes.c_int32,
    6: ctypes.c_uint32,
    7: ctypes.c_int64,
    8: ctypes.c_uint64,
    9: ctypes.c_float,
    10: ctypes.c_double,
}


@dataclass(frozen=True)
class _Functions:
    initialize: Callable[..., None]
    finalize: Callable[..., int]
    get: Callable[..., None]
    set: Callable[..., None]
    iter_init: Callable[..., None]
    iter_next: Callable[..., int]
    iter_finalize: Callable[..., int]


@functools.cache
def _functions() -> _Functions:
    library = Library("libcmap.so.4", "libcmap4")
    size, kind = ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_int)
    return _Functions(
        initialize=library.function("cmap_initialize_map", ctypes.POINTER(Handle), ctypes.c_int),
        finalize=library.raw("cmap_finalize", Handle),
        get=library.function("cmap_get", Handle, ctypes.c_char_p, ctypes.c_void_p, size, kind),
        set=library.function(
            "cmap_set", Handle, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        ),
        iter_init=library.function("cmap_iter_init", Handle, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint64)),
        iter_next=library.raw("cmap_iter_next", Handle, ctypes.c_uint64, ctypes.c_char_p, size, kind),
        iter_finalize=library.raw("cmap_iter_finalize", Handle, ctypes.c_uint64),
    )  # fmt: skip


class Cmap:
    """One connection to the configuration (``statistics=False``) or to counters and link states."""

    def __init__(self, *, statistics: bool = False) -> None:
        self._call = _functions()
        self._handle = Handle()
        self._call.initialize(self._handle, STATS if statistics else ICMAP)

    def close(self) -> None:
        """End the connection."""
        self._call.finalize(self._handle)

    def __enter__(self) -> Cmap:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, key: str) -> Value:
        """The value of ``key``; raises ``Missing`` where there is none."""
        name = key.encode()
        size, kind = ctypes.c_size_t(), ctypes.c_int()
        self._call.get(self._handle, name, None, size, kind)
        buffer = ctypes.create_string_buffer(size.value)
        self._call.get(self._handle, name, buffer, size, kind)
        return decode(buffer.raw[: size.value], kind.value)

    def items(self, prefix: str) -> dict[str, Value]:
        """All keys that start with ``prefix`` with their values (``nodelist.node.``, ``stats.knet.``)."""
        found = {}
        for key in self.keys(prefix):
            try:
                found[key] = self.get(key)
            except Missing:
                continue  # removed meanwhile
        return found

    def keys(self, prefix: str) -> list[str]:
        """Names that start with ``prefix``."""
        iteration = ctypes.c_uint64()
        self._call.iter_init(self._handle, prefix.encode(), iteration)
        found = []
        try:
            name = ctypes.create_string_buffer(NAME_BYTES + 1)
            size, kind = ctypes.c_size_t(), ctypes.c_int()
            while (result := self._call.iter_next(self._handle, iteration, name, size, kind)) == Code.OK:
                found.append(name.value.decode())
            if result != Code.NO_SECTIONS:
                raise failure("cmap_iter_next", result)
        finally:
            self._call.iter_finalize(self._handle, iteration)
        return found

    def set_text(self, key: str, value: str) -> None:
        """Set a key of the running Corosync to a text (only some keys have an effect: cmap_keys(7))."""
        data = value.encode()
        self._call.set(self._handle, key.encode(), data, len(data), _STRING)


def decode(data: bytes, kind: int) -> Value:
    """A value of the map from its bytes and ``cmap_value_types_t``; a kind that is not known stays bytes."""
    if kind == _STRING:
        return data.partition(b"\0")[0].decode(errors="replace")
    if (number := _NUMBERS.get(kind)) is not None:
        value: int | float = number.from_buffer_copy(data).value
        return value
    return data
