"""The kernel command line of the live system: what the installed system keeps of it, and options for the layout."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# Parameters about the medium, its boot loader and the live system: they mean nothing, or harm, on the installed one.
_DROPPED: Final = re.compile(
    r"""(?: BOOT_IMAGE | root | initrd | ramdisk_size | splash | vga | boot | findiso | fromiso | live-[a-z.-]+
          | hostname | username ) = \S*
      | ro | rw | quiet | splash | nosplash | toram | noeject | components | (?:no)?persistence | live-[a-z.-]+
      | prox\S*
      | holdfast\.\S*""",
    re.VERBOSE,
)
_OPTION: Final = re.compile(r"(hdsize|swapsize|maxroot|minfree|maxvz)=(\d+(?:\.\d+)?)", re.IGNORECASE)
_FILESYSTEM: Final = re.compile(r"ext4|xfs", re.IGNORECASE)
# Only hosts with a pool for guests know these.
_GUEST_OPTIONS: Final = frozenset({"maxroot", "minfree", "maxvz"})


@dataclass(frozen=True, kw_only=True)
class KernelArguments:
    """``target`` for the installed system; ``filesystem`` as written; ``sizes`` in GiB, as written."""

    target: str
    filesystem: str = ""
    sizes: dict[str, str]


def parse_kernel_cmdline(cmdline: str, product: str = "pve") -> KernelArguments:
    """Sort the words of a kernel command line.

    ``ext4``, ``xfs`` and ``hdsize=`` … are for the installer, parameters of the live system are dropped, all else
    is kept in its order for the installed system.
    """
    kept: list[str] = []
    filesystem = ""
    sizes: dict[str, str] = {}
    for word in cmdline.split():
        option = _OPTION.fullmatch(word)
        if option:
            name = option.group(1).lower()
            if product == "pve" or name not in _GUEST_OPTIONS:
                sizes[name] = option.group(2)
        elif _FILESYSTEM.fullmatch(word):
            filesystem = word
        elif not _DROPPED.fullmatch(word):
            kept.append(word)
    return KernelArguments(target=" ".join(kept), filesystem=filesystem, sizes=sizes)


def flag(cmdline: str, name: str) -> str | None:
    """Value of the last ``name=value`` on a command line, ``""`` for a bare ``name``, None where it is not there."""
    found: str | None = None
    for word in cmdline.split():
        key, _, value = word.partition("=")
        if key == name:
            found = value
    return found
