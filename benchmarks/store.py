#!/usr/bin/env python3
"""How fast the store is, as ratios against peers measured in the same run, and whether it keeps its targets.

    benchmarks/store.py DIR [--mount DIR] [--seconds S] [--alone | --files-only]

DIR is a directory on a disk: databases go there, of a store, of etcd, and files with fsync. The store's daemon is
started there as a single node; with ``--mount`` the file operations are done in a new directory below that one, of a
store that runs already. Peers: tmpfs; ext4 (DIR) with fsync after each change; a passthrough file system in C with
the same caching, compiled at run time, over tmpfs; etcd through its JSON gateway (``--files-only``: of all these only
tmpfs and ext4, and nothing but file operations). Rounds alternate between all of
them, so that noise of the machine meets all. Three nodes with real Corosync in namespaces follow (not ``--alone``).
What is missing is said and leaves its targets open. Needs root; run it in the tools tree:

    bin/in-tools python3 benchmarks/store.py /var/tmp

Read the ratios, not the microseconds. Exit code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.storebench import loads, members, peers, report
from benchmarks.storebench.daemon import Daemon
from benchmarks.storebench.places import OPERATIONS, Place, forget_new, measure

GUESTS, MANY_GUESTS = 1000, 5000


def compare(places: list[Place], seconds: float) -> int:
    """Rounds over all places until the time is over; returns how many."""
    deadline = time.monotonic() + seconds
    rounds = 0
    while rounds == 0 or time.monotonic() < deadline:
        for operation in OPERATIONS:
            for place in places:
                measure(operation, place)
        for place in places:
            forget_new(place)
        rounds += 1
    return rounds


def root_of(directory: Path) -> Path:
    """The mount that a directory is in."""
    return next(each for each in (directory, *directory.parents) if each.is_mount())


def passthrough(stack: contextlib.ExitStack, disk: Path, fast: Path) -> list[Place]:
    """A place on the passthrough file system in C, whose files are in ``fast``; none where it cannot be had."""
    try:
        program = peers.compile_passthrough(disk / "libfuse")
        (fast / "behind").mkdir()
        stack.enter_context(peers.passthrough(program, fast / "behind", disk / "passthrough"))
    except peers.Absent as err:
        print(f"no passthrough: {err}", file=sys.stderr)
        return []
    return [Place("passthrough", disk / "passthrough/files", disk / "passthrough/locks")]


def against_etcd(results: report.Results, daemon: Daemon, directory: Path) -> None:
    """Durable writes of both while both are new: a store with a full journal takes a tenth longer."""
    with contextlib.ExitStack() as stack:
        client: peers.Etcd | None = None
        try:
            client, pid = stack.enter_context(peers.etcd(directory))
            results.etcd_rss_mb = loads.memory_of(pid)
        except peers.Absent as err:
            print(f"no etcd: {err}", file=sys.stderr)
        results.single = loads.single_writes(daemon, client)


def alone(options: argparse.Namespace, results: report.Results) -> None:
    """Files, and a single node beside its peers; all of them have ended, and are on disk, at the return."""
    with contextlib.ExitStack() as stack:
        disk = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.directory, prefix="bench-")))
        fast = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.tmpfs, prefix="bench-")))
        daemon = Daemon(disk / "store")
        stack.callback(shutil.rmtree, daemon.directory, ignore_errors=True)
        if not options.files_only:
            stack.callback(daemon.stop)
            daemon.start()
            against_etcd(results, daemon, disk / "etcd")
        mount = options.mount.resolve() if options.mount else daemon.mount
        places = [
            Place("store", mount / disk.name, root_of(mount) / "priv/lock"),
            Place("tmpfs", fast / "plain", fast / "locks"),
            Place("ext4+fsync", disk / "plain", disk / "locks", synced=True),
        ]
        if not options.files_only:
            places += passthrough(stack, disk, fast)
        for place in places:
            stack.callback(place.clean)
            place.prepare()
        rounds = compare(places, options.seconds)
        print(f"{rounds} rounds, 1 KiB files, warm caches", file=sys.stderr)
        results.places = {place.name: place.samples for place in places}
        for place in places:
            place.clean()
        if options.files_only:
            return
        results.loads = loads.loads(daemon, fast / "configs", GUESTS)
        results.start_s = loads.start_with(daemon, GUESTS, MANY_GUESTS)
    os.sync()  # what was removed would otherwise be in the way of the next measurement's fsync


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--mount", type=Path, help="a directory of a mounted store; default: a daemon of its own")
    parser.add_argument("--tmpfs", type=Path, default=Path("/dev/shm"), help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=20, help="of file operations (default: %(default)s)")
    parser.add_argument("--alone", action="store_true", help="no cluster of three nodes")
    parser.add_argument("--files-only", action="store_true", help="file operations, tmpfs and ext4: seconds")
    options = parser.parse_args()
    if options.files_only and not options.mount:
        parser.error("--files-only needs --mount")
    results = report.Results()
    alone(options, results)
    if options.files_only:
        print(*report.operations(results), sep="\n")
        return 0
    if not options.alone:
        results.members = members.measure()
    return report.show(results)


if __name__ == "__main__":
    sys.exit(main())
