"""Password hashes by crypt(3): yescrypt for new ones; every hash that libxcrypt knows verifies.

libcrypt.so.1 (Debian's libcrypt1, a dependency of PAM itself and so on every host) is called through ctypes: Python
3.13 has no crypt module any more, Debian 13 packages no wrapper that knows yescrypt, and files that come from the
reference hold ``$5$`` and ``$y$`` hashes, which must keep working. The library is the one that login itself uses.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hmac
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from hostd.core.errors import HostError

# yescrypt's cost: each step doubles time and memory. 6 means 32 MiB and about 50 ms on a desktop of 2020. It is the
# floor: weaker hashes (those of the reference are of cost 5 or older methods) verify and are replaced at log-in.
COST: Final = 6
_PREFIX: Final = b"$y$"
_DIGITS: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DATA_BYTES: Final = 32768  # sizeof(struct crypt_data), crypt_r(3)
_OUTPUT_BYTES: Final = 384
_NICE: Final = 10


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libcrypt.so.1", use_errno=True)
    library.crypt_rn.restype = ctypes.c_char_p
    library.crypt_rn.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int]
    library.crypt_gensalt_rn.restype = ctypes.c_char_p
    library.crypt_gensalt_rn.argtypes = [
        ctypes.c_char_p,
        ctypes.c_ulong,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
    ]
    return library


def _be_nice() -> None:
    with contextlib.suppress(OSError):  # not root: then nobody logs in here anyway
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


@functools.cache
def _hasher() -> ThreadPoolExecutor:
    """One thread of low priority (setpriority(2) counts per thread): a flood of log-ins must not starve the API.

    It also bounds the memory: 32 MiB per hash, and only one at a time.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="hash", initializer=_be_nice)


def _crypt(password: str, setting: bytes) -> bytes | None:
    return _hasher().submit(_crypt_now, password, setting).result()


def _crypt_now(password: str, setting: bytes) -> bytes | None:
    data = ctypes.create_string_buffer(_DATA_BYTES)
    found: bytes | None = _library().crypt_rn(password.encode(), setting, data, _DATA_BYTES)
    ctypes.memset(data, 0, _DATA_BYTES)
    return found


def make_hash(password: str, *, cost: int = COST) -> str:
    """A new hash. Raises HostError when libcrypt refuses (it should not)."""
    output = ctypes.create_string_buffer(_OUTPUT_BYTES)
    setting: bytes | None = _library().crypt_gensalt_rn(_PREFIX, cost, os.urandom(16), 16, output, _OUTPUT_BYTES)
    made = _crypt(password, setting) if setting else None
    if made is None:
        raise HostError(f"libcrypt cannot make a yescrypt hash of cost {cost}")
    return made.decode()


def make_portable_hash(password: str) -> str:
    """A new hash for other systems, older ones included: SHA-512, which every libcrypt of the last 15 years knows."""
    output = ctypes.create_string_buffer(_OUTPUT_BYTES)
    setting: bytes | None = _library().crypt_gensalt_rn(b"$6$", 0, os.urandom(16), 16, output, _OUTPUT_BYTES)
    made = _crypt(password, setting) if setting else None
    if made is None:
        raise HostError("libcrypt cannot make a SHA-512 hash")
    return made.decode()


@functools.cache
def _nobodys() -> str:
    return make_hash(os.urandom(16).hex())


def verify(password: str, stored: str | None) -> bool:
    """Whether the password is the hash's. Without a hash (an unknown user) it takes the same time and is False."""
    usable = stored is not None and stored.startswith("$") and "\0" not in password
    setting = stored if stored is not None and usable else _nobodys()
    found = _crypt(password.replace("\0", ""), setting.encode())
    return found is not None and usable and hmac.compare_digest(found, setting.encode())


def is_weak(stored: str) -> bool:
    """Whether a hash is below the floor: another method than yescrypt, or yescrypt of a lower cost."""
    return not stored.startswith("$y$j") or _DIGITS.find(stored[4:5]) < COST + 6


# --- priv/shadow.cfg: lines "name:hash:" of the users of realm pve

SHADOW: Final = "priv/shadow.cfg"


def parse_shadow(text: str) -> dict[str, str]:
    """Name (without realm) -> hash; lines of another form are left out."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name and rest:
            found[name] = rest.partition(":")[0]
    return found


def format_shadow(hashes: dict[str, str]) -> str:
    return "".join(f"{name}:{hash}:\n" for name, hash in sorted(hashes.items()))
