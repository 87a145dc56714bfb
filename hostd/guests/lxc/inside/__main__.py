"""``python3 -m hostd.guests.lxc.inside ROOT``: a job as JSON on stdin, its report on stdout.

Run as the container's root (in its user namespace, unless it has none). After the imports the process is locked into
ROOT, so that links and device names of the container mean its own files, never the host's.
"""

from __future__ import annotations

import os
import sys

from hostd.guests.lxc.inside import hostkeys
from hostd.guests.lxc.inside.job import Job
from hostd.guests.lxc.inside.setup import apply
from hostd.guests.lxc.inside.tree import RealTree


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python3 -m hostd.guests.lxc.inside ROOT", file=sys.stderr)
        return 2
    job = Job.from_json(sys.stdin.read())
    if job.first or job.copied:
        hostkeys.load()
    # Whatever Python would still load would be the container's: a file of that name there must not become our program.
    sys.path.clear()
    os.chroot(arguments[0])
    os.chdir("/")
    os.umask(0o022)
    try:
        report = apply(RealTree("/"), job)
    except OSError as err:
        print(f"setting up the container's files: {err}", file=sys.stderr)
        return 1
    print(report.to_json())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
