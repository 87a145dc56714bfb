"""Which terminal of a container to show: where a log-in waits, else a program that asks for one, else a shell.

A container's console may be silent: many templates start no getty on it, others only there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final

from hostd.guests.lxc import cgroups
from hostd.guests.lxc.cgroups import Groups, read_text
from hostd.guests.lxc.inside import accounts
from hostd.guests.lxc.inside.tree import Readable
from hostd.guests.lxc.rooted import RootedFiles

# Programs that wait for a log-in, and what they become.
_LOGIN_PROGRAMS: Final = ("getty", "agetty", "mingetty", "login")
_TERM: Final = "xterm-256color"
_LINE = re.compile(r"/dev/(?:lxc/)?(console|tty(\d))\Z")
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LOGIN_PATHS: Final = ("bin/login", "usr/bin/login")


def attach_argv(vmid: int) -> list[str]:
    """Prefix of a program that runs inside (lxc-attach(1)), with a clean environment."""
    variables = {"TERM": _TERM, "PATH": _PATH, "HOME": "/root", "USER": "root", "LANG": "C.UTF-8"}
    words = [word for name, value in variables.items() for word in ("--set-var", f"{name}={value}")]
    return ["lxc-attach", "--name", str(vmid), "--clear-env", *words, "--"]


def line_argv(vmid: int, line: int, escape: str = "-1") -> list[str]:
    """Connect to the console (0) or a terminal (lxc-console(1)). ``escape``: the key that leaves it (``^a``), before
    ``q``; -1: none does, the window is closed instead."""
    return ["lxc-console", "--name", str(vmid), "--tty", str(line), "--escape", escape]


def terminal_line(path: str) -> int | None:
    """``/dev/console`` → 0, ``/dev/tty2`` → 2; None for anything else."""
    match = _LINE.match(path)
    return None if match is None else int(match.group(2) or 0)


def login_lines(groups: Groups) -> list[int]:
    """The lines on which a log-in waits, the console first."""
    found = set()
    for pid in cgroups.processes(groups):
        if read_text(f"/proc/{pid}/comm").strip() in _LOGIN_PROGRAMS or _is_getty(pid):
            try:
                line = terminal_line(os.readlink(f"/proc/{pid}/fd/0"))
            except OSError:
                continue
            found |= {line} if line is not None else set()
    return sorted(found)


def _is_getty(pid: int) -> bool:
    """busybox is one program under many names; the name it was called by tells."""
    first = read_text(f"/proc/{pid}/cmdline").split("\0")[0]
    return first.rpartition("/")[2] in _LOGIN_PROGRAMS


def console_argv(vmid: int, mode: str, lines: Iterable[int], root: str) -> list[str]:
    """The command behind a console. ``mode``: ``console`` insists on /dev/console, ``shell`` on a shell.

    ``lines``: where a log-in waits. ``root``: the container's files, as the host sees them.
    """
    if mode == "console":
        return line_argv(vmid, 0)
    waiting = list(lines)
    if mode != "shell" and waiting:
        # Terminals before the console: they are the container's own idea of where to log in.
        return line_argv(vmid, next((line for line in waiting if line), 0))
    with RootedFiles(root) as tree:
        if mode != "shell" and has_password(tree) and (login := login_program(tree)):
            return [*attach_argv(vmid), login]
        return [*attach_argv(vmid), shell(tree), "-l"]


def login_program(tree: Readable) -> str:
    return next((f"/{path}" for path in _LOGIN_PATHS if tree.head(path, 1)), "")


def has_password(tree: Readable) -> bool:
    """Whether anybody could log in: an account with a password that is not locked."""
    lines = (tree.read("etc/shadow") or "").splitlines()
    return any(len(fields := line.split(":")) > 1 and fields[1][:1] not in ("", "*", "!", "x") for line in lines)


def shell(tree: Readable) -> str:
    """Root's own shell if it is there, else the one that every system has."""
    entry = accounts.root_entry(tree)
    chosen = entry[6].strip() if entry else ""
    return chosen if chosen.startswith("/") and tree.head(chosen.lstrip("/"), 1) else "/bin/sh"
