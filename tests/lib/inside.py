"""Programs inside the node that the tests ask (HOLDFAST_CONTAINER, set by tests/bin/on-dev-node)."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

import pytest

UNITS = ("hostd", "hostd-api", "hostd-stream", "hostd-taskd", "hostd-statd", "hostd-clusterd", "hostd-nginx")
# Lines of the journal that only a bug writes. (libvirt says "internal error:" of hardware that a container lacks.)
WRONG = re.compile(
    r"Traceback \(most recent call last\)|internal error [0-9a-f]{8} in|Unhandled exception|segfault|core-dump"
)


class Inside:
    """The system container of the node."""

    def __init__(self) -> None:
        if "HOLDFAST_CONTAINER" not in os.environ:
            pytest.skip("HOLDFAST_CONTAINER is not set: needs the node in a container (`make test-node` starts one)")
        self._attach = ["lxc-attach", "-n", os.environ["HOLDFAST_CONTAINER"], "--clear-env", "--"]

    def run(self, *argv: str, data: bytes = b"") -> str:
        """stdout of a program that ends well."""
        done = subprocess.run([*self._attach, *argv], input=data, capture_output=True, check=False, timeout=300)
        assert done.returncode == 0, f"{argv}: {done.returncode} {done.stderr.decode(errors='replace')}"
        return done.stdout.decode(errors="replace")

    def shell(self, script: str, data: bytes = b"") -> str:
        return self.run("sh", "-c", script, data=data)

    def python(self, script: str, *args: str, data: bytes = b"") -> str:
        """Of the node's own Python, with our packages in it. ``data`` is stdin: for what argv should not show."""
        return self.run("/usr/bin/python3", "-c", script, *args, data=data)

    def start(self, script: str) -> subprocess.Popen[bytes]:
        """A program that goes on; its stdout is a pipe."""
        return subprocess.Popen(
            [*self._attach, "/usr/bin/python3", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def journal(self, since: str = "") -> str:
        """All fields' text of this boot's journal, from a cursor on."""
        after = ["--after-cursor", since] if since else []
        return self.run("journalctl", "-b", "--no-pager", "-o", "cat", *after)

    def cursor(self) -> str:
        return self.run("journalctl", "-b", "-n", "0", "--show-cursor").rpartition("cursor: ")[2].strip()


@dataclass(frozen=True, kw_only=True)
class Before:
    """What a suite of attacks finds at its start, to be compared at its end."""

    cursor: str
    processes: dict[str, str]


def processes(inside: Inside) -> dict[str, str]:
    """Main process by unit: another number means that it died."""
    return {unit: inside.run("systemctl", "show", "-P", "MainPID", unit).strip() for unit in UNITS}


def look(inside: Inside) -> Before:
    return Before(cursor=inside.cursor(), processes=processes(inside))


def check_unharmed(inside: Inside, before: Before) -> None:
    """Every daemon is the process it was, and none wrote a traceback."""
    assert processes(inside) == before.processes
    lines = inside.journal(before.cursor).splitlines()
    found = [number for number, line in enumerate(lines) if WRONG.search(line)]
    shown = "\n".join("\n".join(lines[max(n - 2, 0) : n + 25]) for n in found[:5])
    assert not found, f"{len(found)} lines of bugs in the journal:\n{shown}"
