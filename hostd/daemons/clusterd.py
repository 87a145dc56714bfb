"""hostd-clusterd: keeps the configuration tree, shows it at /etc/pve and serves it on a socket."""

from __future__ import annotations

import argparse
import datetime
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import trio

from hostd.cluster import wire
from hostd.cluster.fs import special
from hostd.cluster.fs.database import copy_file
from hostd.cluster.fs.service import Settings, serve
from hostd.cluster.fs.tree import View
from hostd.core.errors import HostError
from hostd.core.notify import notify

DATABASE = Path("/var/lib/hostd/config.db")
log = logging.getLogger("hostd-clusterd")


def arguments() -> argparse.ArgumentParser:
    node = os.uname().nodename.partition(".")[0]
    parser = argparse.ArgumentParser(prog="hostd-clusterd", description=__doc__)
    parser.add_argument("--database", type=Path, default=DATABASE, help="default: %(default)s")
    parser.add_argument("--mount", type=Path, default=Path("/etc/pve"), help="default: %(default)s")
    parser.add_argument("--socket", type=Path, default=Path(wire.SOCKET), help="default: %(default)s")
    parser.add_argument("--node", default=node, help="name of this node (default: the host name, %(default)s)")
    parser.add_argument("--seed", type=Path, default=Path("/var/lib/hostd/seed"), help="default: %(default)s")
    parser.add_argument("--corosync", type=Path, default=Path("/etc/corosync"), help="default: %(default)s")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    checked = commands.add_parser(
        "check",
        help="check database, Corosync's files, certificates, cut-off changes, also while the store runs; "
        "exit code 0: all is well, 1: something needs attention, 2: the store does not start or cannot be trusted",
    )
    checked.add_argument("--json", action="store_true", help="as JSON")
    checked.add_argument("--repair", action="store_true", help="carry out what it offers, each after a copy")
    backup = commands.add_parser("backup", help="copy the database, also while it is in use")
    backup.add_argument("target", type=Path)
    return parser


def check(options: argparse.Namespace) -> int:
    """Say what is found, repair if that is wanted, and say what is found then. Raises HostError."""
    # Only here: the daemon needs neither certificates nor what changes of a cluster are made of.
    from hostd.cluster.fs.examine import Finding
    from hostd.clustering import examine

    places = examine.Places(node=options.node, database=options.database, corosync=options.corosync)

    def look() -> list[Finding]:
        return examine.check(places, now=datetime.datetime.now(datetime.UTC))

    findings = look()
    if options.repair and any(finding.repair for finding in findings):
        if not options.json:
            print(examine.to_text(options.database, findings), end="")
        examine.repair_all(places, findings, lambda text: print(f"repair: {text}", file=sys.stderr))
        findings = look()
    shown = examine.to_json(findings) if options.json else examine.to_text(options.database, findings)
    print(shown, end="")
    return examine.code(findings)


class LazyReports:
    """What .rrd and .clusterlog say. What understands them is loaded when somebody reads one for the first time."""

    def rrd(self, values: Callable[[str], special.Values], view: View) -> bytes:
        from hostd.guests.broadcast import Broadcast

        return Broadcast().rrd(values, view)

    def clusterlog(self, values: Callable[[str], special.Values]) -> bytes:
        from hostd.guests.broadcast import Broadcast

        return Broadcast().clusterlog(values)


async def run_daemon(settings: Settings) -> None:
    stop = trio.Event()

    async def stop_on_signal() -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for number in signals:
                log.info("ending on %s", signal.Signals(number).name)
                notify("STOPPING=1")
                stop.set()

    def ready() -> None:
        notify()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop_on_signal)
        await serve(settings, stop=stop, ready=ready, reports=LazyReports())
        nursery.cancel_scope.cancel()


def expected(error: BaseException) -> HostError | None:
    """The expected error that trio's groups wrap; None for a bug."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, HostError) else None


def main() -> None:
    options = arguments().parse_args()
    logging.basicConfig(stream=sys.stderr, level=os.environ.get("HOSTD_LOG", "INFO"), format="%(name)s: %(message)s")
    named = {name: getattr(options, name) for name in ("node", "database", "socket", "mount", "seed", "corosync")}
    try:
        if options.command == "check":
            sys.exit(check(options))
        elif options.command == "backup":
            copy_file(options.database, options.target)
        else:
            trio.run(run_daemon, Settings(**named))
    except (HostError, BaseExceptionGroup) as group:
        error = expected(group)
        if error is None:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
