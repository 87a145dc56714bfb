"""/etc/inittab of System V init (inittab(5)): log-ins on the container's terminals, a shutdown on SIGPWR."""

from __future__ import annotations

import re
from typing import Final

PATH: Final = "etc/inittab"
_GETTY = re.compile(r"\d+:[^:]*:respawn:\S*getty\b.*\btty\d+\b")
_POWER = re.compile(r"p[fnop0]::power")


_BUSYBOX_GETTY = re.compile(r"tty\d+:[^:]*:respawn:\S*getty\b")
_GENTOO_GETTY = re.compile(r"c\d+:[^:]*:respawn:\S*getty\b.*\btty\d+\b")


def rewrite(text: str, ttys: int) -> str:
    """One getty per terminal; LXC asks for a shutdown by SIGPWR, which init takes as a power failure."""
    kept = [line for line in text.rstrip("\n").splitlines() if not _GETTY.match(line) and not _POWER.match(line)]
    while kept and not kept[-1].strip():
        kept.pop()
    kept.append("p0::powerfail:/sbin/init 0")
    for number in range(1, ttys + 1):
        levels = "2345" if number == 1 else "23"  # as Debian has it: the first one in every level with users
        kept.append(f"{number}:{levels}:respawn:/sbin/getty --noclear 38400 tty{number}")
    return "".join(f"{line}\n" for line in kept)


def rewrite_busybox(text: str, ttys: int) -> str:
    """The same for busybox's init, whose first field is the terminal; it takes SIGPWR by itself."""
    kept = [line for line in text.splitlines() if not _BUSYBOX_GETTY.match(line)]
    kept += [f"tty{n}::respawn:/sbin/getty 38400 tty{n}" for n in range(1, ttys + 1)]
    return "".join(f"{line}\n" for line in kept)


def rewrite_gentoo(text: str, ttys: int) -> str:
    """The same for Gentoo's, which names its lines otherwise."""
    kept = [line for line in text.splitlines() if not _GENTOO_GETTY.match(line) and not _POWER.match(line)]
    kept += [f"c{n}:12345:respawn:/sbin/agetty 38400 tty{n} linux" for n in range(1, ttys + 1)]
    return "".join(f"{line}\n" for line in [*kept, "p0::powerfail:/sbin/init 0"])
