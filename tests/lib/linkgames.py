"""Links that a container swaps all the time while files are copied to and from it.

``play`` copies on the host that the container runs on. The file can be piped to ``python3 - PID OUTSIDE WORK ROUNDS``
there, and says what came of it as JSON. It uses nothing but the product.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from hostd.core.errors import HostError
from hostd.guests.lxc import transfer
from hostd.guests.lxc.transfer import Ownership

SECRET = b"the host's own\n"
PUSHED = b"from the host\n"


def swapping(outside: str) -> str:
    """A shell script for inside, without an end: ``/game/way`` is a folder of its own, then the host's ``outside``;
    ``/game/file`` a file, a link to the host's secret, a pipe."""
    return f"""
mkdir -p /game/real; echo inside > /game/real/secret; cd /game
while :; do
    ln -sfn real way; echo inside > file
    ln -sfn {outside} way; ln -sf {outside}/secret file
    ln -sfn ../../../../../../{outside} way; rm -f file; mkfifo file; rm -f file
done
"""


@dataclass
class Played:
    """How often files went out of and into the container, how often that was refused, and what should never be."""

    pulled: int = 0
    pushed: int = 0
    refused: int = 0
    stolen: int = 0
    changed: str = ""


def listing(folder: Path) -> str:
    """All that would change if somebody wrote there; not when it was read last, as that is here."""
    rows = list[str]()
    for path in sorted(folder.iterdir()):
        found = path.lstat()
        owner = f"{found.st_mode:o} {found.st_nlink} {found.st_uid}:{found.st_gid}"
        rows.append(f"{path.name} {found.st_ino} {owner} {found.st_mtime_ns} {found.st_ctime_ns} {path.read_bytes()!r}")
    return "\n".join([*rows, str(sorted(os.listdir(folder)))])


def prepare(outside: Path) -> None:
    """The host's own folder, with a file that nobody else may read."""
    outside.mkdir(mode=0o700)
    (outside / "secret").write_bytes(SECRET)
    (outside / "secret").chmod(0o600)


def play(pid: int, outside: Path, work: Path, rounds: int) -> Played:
    """Copy to and from paths of an unprivileged container whose first process is ``pid``, which swaps them."""
    done, before = Played(), listing(outside)
    source, target = work / "source", work / "pulled"
    source.write_bytes(PUSHED)
    for _ in range(rounds):
        for path in ("/game/way/secret", "/game/file"):
            try:
                transfer.pull(pid, path, str(target), None, unprivileged=True)
                done.pulled += 1
                done.stolen += target.read_bytes() == SECRET
            except HostError:
                done.refused += 1
        for path in ("/game/way/new", "/game/file"):
            try:
                transfer.push(pid, str(source), path, Ownership(), unprivileged=True)
                done.pushed += 1
            except HostError:
                done.refused += 1
    after = listing(outside)
    done.changed = after if after != before else ""
    for made in (source, target):
        made.unlink(missing_ok=True)
    return done


def main(arguments: list[str]) -> None:
    pid, outside, work, rounds = arguments
    print(json.dumps(dataclasses.asdict(play(int(pid), Path(outside), Path(work), int(rounds)))))


if __name__ == "__main__":
    main(sys.argv[1:])
