"""Rules about names in the tree: what is allowed, who may read it, and which names have a fixed meaning.

A path is text without a leading ``/``; the empty path is the root. Source of the meanings: the layout of ``/etc/pve``
that clients of the reference system expect (DESIGN §4).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final

MAX_FILE_BYTES: Final = 1 << 20
MAX_TOTAL_BYTES: Final = 128 << 20
MAX_ENTRIES: Final = 262_144
MAX_NAME_BYTES: Final = 255
MAX_PATH_BYTES: Final = 1024

LINKS: Final = ("local", "lxc", "openvz", "qemu-server")
SPECIAL: Final = (".clusterlog", ".debug", ".members", ".rrd", ".version", ".vmlist")
RESERVED: Final = frozenset((*LINKS, *SPECIAL))
LOCKS: Final = "priv/lock"
LEASES: Final = "priv/lease/"
GUEST_DIRECTORIES: Final = {"qemu-server": "qemu", "lxc": "lxc"}
_GUEST: Final = re.compile(r"nodes/([^/]+)/(qemu-server|lxc)/([1-9][0-9]{0,8})\.conf")
# What the daemons of high availability write every few seconds; it is told, not configured.
_STATUS: Final = re.compile(r"ha/manager_status|ha/incidents/[^/]+|nodes/[^/]+/lrm_status")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f/]")


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest's configuration file: ``kind`` is ``qemu`` or ``lxc``, ``node`` the owner."""

    vmid: int
    node: str
    kind: str


def link_target(name: str, node: str) -> str:
    """Where a fixed link of the root points on ``node``, relative to the root."""
    return f"nodes/{node}" if name == "local" else f"nodes/{node}/{name}"


def resolve(path: str, node: str) -> str:
    """Follow a fixed link at the start of ``path``: ``local/x`` is ``nodes/<node>/x``."""
    first, slash, rest = path.partition("/")
    return link_target(first, node) + slash + rest if first in LINKS else path


def name_problem(name: str) -> str:
    """Why ``name`` cannot be a file name; empty where it can."""
    if not name or name in (".", ".."):
        return f"'{name}' is not a file name"
    if _CONTROL.search(name):
        return f"file name {name!r} holds a control character or '/'"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return f"file name {name!r} is not valid UTF-8"
    return f"file name has {size} bytes; {MAX_NAME_BYTES} are allowed" if size > MAX_NAME_BYTES else ""


def path_problem(path: str) -> str:
    """Why ``path`` (not the root) cannot be used; empty where it can."""
    for name in path.split("/"):
        if problem := name_problem(name):
            return f"path '{path}': {problem}" if name else f"path '{path}' has an empty part"
    size = len(path.encode())
    return f"path has {size} bytes; {MAX_PATH_BYTES} are allowed" if size > MAX_PATH_BYTES else ""


def is_private(path: str) -> bool:
    """Whether only root may see it: ``priv`` and ``nodes/*/priv`` with everything below."""
    parts = path.split("/", 3)
    return parts[0] == "priv" or (len(parts) > 2 and parts[0] == "nodes" and parts[2] == "priv")


@functools.lru_cache(maxsize=1024)
def is_secret(path: str) -> bool:
    """Whether no copy of the contents may be kept: private files, and keys that the web server's group must read."""
    return is_private(path) or path.endswith(".key")


def permissions(path: str, *, directory: bool) -> int:
    """The fixed permission bits; owner is root, group www-data."""
    if is_private(path):
        return 0o700 if directory else 0o600
    return 0o755 if directory else 0o640


def is_fixture(path: str) -> bool:
    """Whether the layout needs this directory: it cannot be removed, renamed or be a file."""
    return path in ("", "nodes", "priv")


def is_lock(path: str) -> bool:
    """Whether ``path`` names a lock (a directory directly below ``priv/lock``)."""
    return path.startswith(LOCKS + "/") and path.count("/") == 2


def is_status(path: str) -> bool:
    """Whether ``path`` holds what daemons write all the time, of which nobody wants a history."""
    return _STATUS.fullmatch(path) is not None


def guest_of(path: str) -> Guest | None:
    """The guest whose configuration ``path`` is, or None."""
    match = _GUEST.fullmatch(path)
    return Guest(int(match[3]), match[1], GUEST_DIRECTORIES[match[2]]) if match else None
