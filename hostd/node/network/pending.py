"""The node's files: ``interfaces`` as it counts now, and ``interfaces.new`` with changes that wait to be applied."""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from hostd.core import files
from hostd.core.errors import Invalid
from hostd.node.network import interfaces
from hostd.node.network.links import Link, Links, links
from hostd.node.network.model import Configuration
from hostd.node.network.parse import parse

FOLDER = "/etc/network"
NAME, PENDING = "interfaces", "interfaces.new"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The configuration as it will be; ``changes`` is the difference to what counts now, empty without one."""

    config: Configuration
    changes: str


@dataclass(frozen=True, kw_only=True)
class Files:
    """The two files in ``folder``; ``ask`` tells the devices of the machine."""

    folder: str = FOLDER
    ask: Links = links

    def load(self) -> Loaded:
        """The configuration as it will be. Raises Unavailable where the kernel does not tell its devices.

        Files that ``source`` lines name are not read: their interfaces are somebody else's to manage.
        """
        now, pending = _read(f"{self.folder}/{NAME}") or "", _read(f"{self.folder}/{PENDING}")
        config = _parsed(now if pending is None else pending, self.ask())
        return Loaded(config=config, changes="" if pending is None else difference(now, pending, self.folder))

    def change(self, edit: Callable[[Configuration], Configuration]) -> None:
        """Write the pending file with an edit of what it (or, without one, the file that counts) says.

        Raises Invalid where interfaces then contradict each other, or where the file would be read as something else;
        nothing is written in that case.
        """
        with _alone(self.folder):
            before = self.load().config
            after = edit(before)
            text = interfaces.format(after)
            _check_readable(before, after, _parsed(text, self.ask()))
            files.replace(f"{self.folder}/{PENDING}", text.encode(errors="surrogateescape"))

    def revert(self) -> None:
        """Drop pending changes; without any this does nothing."""
        with _alone(self.folder), contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.folder}/{PENDING}")


def difference(now: str, pending: str, folder: str = FOLDER) -> str:
    """What will change, as unified diff."""
    old, new = now.splitlines(keepends=True), pending.splitlines(keepends=True)
    lines = difflib.unified_diff(old, new, f"{folder}/{NAME}", f"{folder}/{PENDING}")
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def _check_readable(before: Configuration, after: Configuration, again: Configuration) -> None:
    """What was changed is read again as the kind that it should be, and no lines came along that nobody asked for."""
    for name, wanted in after.interfaces.items():
        found = again.interfaces.get(name)
        if wanted == before.interfaces.get(name):
            continue
        if found is None or found.kind != wanted.kind:
            kind = found.kind if found else "nothing"
            raise Invalid({"iface": f"'{name}' of type '{wanted.kind}' would be read as '{kind}'; choose another name"})
        if (found.inet.options, found.inet6.options) != (wanted.inet.options, wanted.inet6.options):
            raise Invalid({"iface": f"'{name}' has values that would be read as further lines"})
    if [line for _, line in again.options] != [line for _, line in sorted(after.options, key=lambda o: o[0])]:
        raise Invalid({"iface": "the file would have further lines; check the values"})


def _parsed(text: str, devices: Mapping[str, Link]) -> Configuration:
    up = {alias for name, link in devices.items() if link.up for alias in (name, *link.altnames)}
    return parse(text, links=devices, active=up)


def _read(path: str) -> str | None:
    """The file's text, None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _alone(folder: str) -> Iterator[None]:
    """One change at a time, of all threads and processes: the folder itself is the lock."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
