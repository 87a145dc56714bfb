"""What of a machine's file we understand: declared keys with valid values, in sections that we know.

A file keeps every line when it is rewritten (``core/formats/keyvalue``), for a newer node may have written it. What is
shown, and what is taken from a backup, is only what is understood. Source: conformance area ``guest-config``,
families ``vm-config-*``: a line with an unknown key or a bad value, and a section of an unknown name, are skipped or,
where the caller is strict, refused.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from hostd.core.errors import ParseError
from hostd.core.formats import propstring
from hostd.core.formats.keyvalue import GuestFile, GuestSection, parse_guest
from hostd.core.formats.propstring import Format
from hostd.core.schema import Kind
from hostd.guests.options import Option, Table
from hostd.guests.qemu.config import OPTIONS

CLOUDINIT: Final = "special:cloudinit"
_SECTIONS: Final = frozenset({CLOUDINIT, "special:fleecing"})
_OLD_CDROM: Final = "ide2"
_CUSTOM: Final = "custom-"
_ANY_LOCK: Final = Kind()


def _state(kind: Kind, doc: str) -> Option:
    return Option(kind=kind, doc=doc, privilege="")


# Lines that callers cannot set, beside the declared ones. Which locks there are is checked where one is set: a newer
# node may know more of them, and a guest whose lock is not seen would be changed under somebody's hands.
STATE: Final = Table(
    {
        "parent": _state(Kind(format="pve-configid", max_length=40), "The snapshot that the machine descends from."),
        "snaptime": _state(Kind(type="integer", minimum=0), "When a snapshot was made, seconds since 1970."),
        "snapstate": _state(Kind(enum=("prepare", "delete")), "A snapshot that is being made or removed."),
        "vmstate": _state(Kind(format="pve-volume-id"), "The volume with a snapshot's memory."),
        "runningmachine": _state(Kind(), "Machine type that ran when the memory was saved."),
        "runningcpu": _state(Kind(), "Processor that ran when the memory was saved."),
        "running-nets-host-mtu": _state(Kind(), "MTU of each card when the memory was saved."),
        "meta": _state(Kind(format="inline:meta", check=Format(name="inline:meta").check), "How it came to be."),
        "lock": _state(_ANY_LOCK, "Locked by an operation."),
        "fleecing-images": _state(Kind(), "Volumes that a backup left behind."),
    }
)  # fmt: skip


def understood(file: GuestFile, *, strict: bool = False, cpu_models: frozenset[str] = frozenset()) -> GuestFile:
    """The file without what we do not understand; ``strict``: ParseError naming it instead.

    ``cpu_models``: custom processor models that exist, without ``custom-``.
    """

    def lines(values: Mapping[str, str], *, delete: bool = False) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in values.items():
            wrong = "" if delete and key == "delete" else _wrong(key, value, cpu_models)
            if not wrong:
                found[_OLD_CDROM if key == "cdrom" else key] = value
            elif strict:
                raise ParseError(f"{key}: {wrong}")
        return found

    def section(part: GuestSection) -> GuestSection:
        return replace(part, values=lines(part.values), raw=())

    unknown = sorted(set(file.special) - _SECTIONS)
    if strict and unknown:
        raise ParseError(f"unknown section [{unknown[0]}]")
    return replace(
        file,
        current=lines(file.current),
        raw=(),
        pending=lines(file.pending, delete=True),
        snapshots={name: section(part) for name, part in file.snapshots.items()},
        special={name: section(part) for name, part in file.special.items() if name in _SECTIONS},
    )


def _wrong(key: str, value: str, cpu_models: frozenset[str]) -> str:
    """What is wrong with a line, or ""."""
    option = STATE.get(key) or OPTIONS.get(key)
    if option is None:
        return "unknown setting"
    try:
        option.kind.parse(value)
    except ValueError as err:
        return str(err)
    if key == "cpu":
        model = propstring.parse(value, default_key="cputype").get("cputype", "")
        if model.startswith(_CUSTOM) and model.removeprefix(_CUSTOM) not in cpu_models:
            return f"custom CPU model '{model.removeprefix(_CUSTOM)}' does not exist"
    return ""


@functools.lru_cache(maxsize=4096)
def read(data: bytes, cpu_models: frozenset[str] = frozenset()) -> GuestFile:
    """What a file's bytes say; the same bytes are read once."""
    return understood(parse_guest(data.decode(errors="replace")), cpu_models=cpu_models)
