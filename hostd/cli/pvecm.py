"""``pvecm``: the cluster: who is there, quorum, its key."""

from __future__ import annotations

import contextlib
import getpass
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hostd.cli.commands import Command, Local, Suite, option
from hostd.cli.program import Surroundings, main
from hostd.cli.pveum import ask_once
from hostd.cluster.corosync.qdevice import Certificates
from hostd.cluster.store import Store
from hostd.clustering import witness
from hostd.clustering.witnesshost import by_ssh
from hostd.core import run as programs
from hostd.core.errors import CommandFailed, Conflict, Invalid, NotFound
from hostd.core.run import Run

DEFAULTS = {"transport": "knet", "secauth": "on"}
MOST_VOTES = 65535
QDEVICE_ROWS = ("Model", "QNetd host", "Algorithm", "State", "TLS active", "Last poll call", "Tie-breaker")


def told(run: Run, argv: Sequence[str]) -> str:
    """What quorumtool says; its exit code tells of quorum, not of failure, as long as it says something."""
    result = run(list(argv), check=False)
    if result.code and not result.stdout.strip():
        reason = f"Corosync does not answer: {result.stderr.strip() or f'exit code {result.code}'}"
        raise CommandFailed(list(argv), result.code, result.stderr, f"{reason}; is corosync.service running?")
    return result.stdout


def status(around: Surroundings, args: Sequence[str], run: Run) -> None:
    """Name and version of the cluster, votes, quorum and members as this node sees them."""
    totem = around.call("GET", "/cluster/config/totem", {}).data
    if not isinstance(totem, dict) or "cluster_name" not in totem:
        raise NotFound("this host is part of no cluster: /etc/pve/corosync.conf does not exist")
    values = DEFAULTS | {key: str(value) for key, value in totem.items()}
    rows = {
        "Name": values["cluster_name"],
        "Config Version": values["config_version"],
        "Transport": values["transport"],
        "Secure auth": values["secauth"],
    }
    around.out.write("Cluster information\n-------------------\n")
    around.out.write("".join(f"{name + ':':<18}{text}\n" for name, text in rows.items()) + "\n")
    around.out.write(told(run, ["corosync-quorumtool", "-siH"]))
    witness_rows = around.call("GET", "/cluster/config/qdevice", {}).data
    if isinstance(witness_rows, dict) and witness_rows:
        around.out.write("\nQDevice information\n-------------------\n")
        shown = {name: str(witness_rows[name]) for name in QDEVICE_ROWS if name in witness_rows}
        around.out.write("".join(f"{name + ':':<18}{text}\n" for name, text in shown.items()))


def nodes(around: Surroundings, args: Sequence[str], run: Run) -> None:
    """Members that are there, with their votes."""
    around.out.write(told(run, ["corosync-quorumtool", "-l"]))


def expected(around: Surroundings, args: Sequence[str], run: Run) -> None:
    """Tell Corosync how many votes to expect: with fewer than are really there, parts of a cluster may both go on."""
    if not args[0].isascii() or not args[0].isdigit() or not 1 <= int(args[0]) <= MOST_VOTES:
        raise Invalid({"expected": f"'{args[0]}' is no number of votes from 1 to {MOST_VOTES}"})
    around.out.write(told(run, ["corosync-quorumtool", "-e", args[0]]))


def keygen(around: Surroundings, args: Sequence[str], run: Run) -> None:
    """Make a new key for the traffic between nodes, in a file that does not exist yet."""
    if Path(args[0]).exists():
        raise Conflict(f"'{args[0]}' exists already; a key is never overwritten")
    around.out.write(run(["corosync-keygen", "-l", "-k", args[0]]).stdout)


def fingerprint(around: Surroundings, args: Sequence[str]) -> None:
    """SHA-256 fingerprint of the certificate that this node shows, for hosts that want to join by its password."""
    rows = around.call("GET", f"/nodes/{around.node}/certificates/info", {}).data
    shown = {row["filename"]: row["fingerprint"] for row in rows if isinstance(row, dict)} if rows else {}
    around.out.write(f"{shown.get('pveproxy-ssl.pem') or shown['pve-ssl.pem']}\n")


def updatecerts(around: Surroundings, args: Sequence[str], run: Run, store: Callable[[], Store] = Store) -> None:
    """Make this node's certificate where it is missing or about to expire; with --force in any case."""
    if "--force" in args:
        with store() as tree:
            for name in ("pve-ssl.pem", "pve-ssl.key"):
                with contextlib.suppress(NotFound):
                    tree.delete(f"nodes/{around.node}/{name}", actor="root@pam")
    run(["systemctl", "restart", "hostd-setup.service"], timeout_s=120)
    run(["systemctl", "reload-or-restart", "hostd-nginx.service"], timeout_s=60)
    fingerprint(around, ())


def _site(around: Surroundings, run: Run, store: Store) -> witness.Site:
    def online() -> list[str]:
        rows = around.call("GET", "/cluster/status", {}).data
        return [row["name"] for row in rows if row["type"] == "node" and row["online"]] if rows else []

    return witness.Site(
        store=store,
        run=run,
        connect=lambda host: by_ssh(run, programs.attended, host),
        say=lambda text: print(text, file=around.errors, flush=True),
        online=online,
        installed=Certificates(run).installed,
    )


def qdevice_setup(around: Surroundings, args: Sequence[str], run: Run) -> None:
    """Give the cluster the vote of a witness: a host that runs corosync-qnetd and is no node.

    Logs in there once, as root by SSH. --algorithm: ffsplit (one vote, for one half; by itself that of an even number
    of nodes) or lms (the last node goes on). --network: use that host's address in this network, like 192.0.2.0/24.
    --force: also with an odd number of nodes. A set-up that was cut off is finished by the same command.
    """
    with Store() as store:
        site = _site(around, run, store)
        algorithm, network = option(args, "--algorithm"), option(args, "--network")
        witness.set_up(site, args[0], algorithm=algorithm, network=network, force="--force" in args)
    around.out.write(f"{args[0]} is the cluster's witness\n")


def qdevice_remove(around: Surroundings, args: Sequence[str], run: Run) -> None:
    """Take the witness away; its host is not asked, and keeps nothing but the certificate that it signed."""
    with Store() as store:
        witness.remove(_site(around, run, store))


def read_token(given: str) -> str:
    """A join token: as given, or with ``-`` from the input, as what stands in argv is seen by every user."""
    if given != "-":
        return given
    return getpass.getpass("Join token: ") if sys.stdin.isatty() else sys.stdin.readline().strip()


NO_SSH = (
    "--use_ssh: nodes do not log in to each other by SSH here; use root's password there "
    "(pvecm add HOST --fingerprint …) or a token (there: pvecm token create; here: pvecm join -)"
)
_JOIN, _NODE = "/cluster/config/join", "/cluster/config/nodes/{node}"
_TOKEN = "/cluster/config/jointoken"
ROWS = (
    Command(words="apiver", verb="GET", path="/cluster/config/apiversion"),
    Command(words="create", verb="POST", path="/cluster/config", positional=["clustername"]),
    Command(
        words="add",
        verb="POST",
        path=_JOIN,
        positional=["hostname"],
        readers={"password": ask_once},
        always=["password"],
        refused={"use_ssh": NO_SSH, "use-ssh": NO_SSH},
    ),
    Command(words="join", verb="PUT", path=_JOIN, positional=["token"], readers={"token": read_token}),
    Command(words="addnode", verb="POST", path=_NODE, positional=["node"]),
    Command(words="delnode", verb="DELETE", path=_NODE, positional=["node"]),
    Command(words="leave", verb="POST", path="/cluster/config/leave"),
    Command(words="token create", verb="POST", path=_TOKEN, pick="token"),
    Command(words="token list", verb="GET", path=_TOKEN),
    Command(words="token delete", verb="DELETE", path=f"{_TOKEN}/{{id}}", positional=["id"]),
)


def suite(run: Run = programs.run) -> Suite:
    """The program; tests give a ``run`` of their own."""
    local = (
        Local(words="fingerprint", act=fingerprint, doc=str(fingerprint.__doc__)),
        Local(
            words="updatecerts",
            flags=["--force"],
            act=lambda around, args: updatecerts(around, args, run),
            doc=str(updatecerts.__doc__),
        ),
        Local(
            words="qdevice setup",
            positional=["address"],
            flags=["--force"],
            options=["--algorithm", "--network"],
            act=lambda around, args: qdevice_setup(around, args, run),
            doc=str(qdevice_setup.__doc__),
        ),
        Local(
            words="qdevice remove",
            act=lambda around, args: qdevice_remove(around, args, run),
            doc=str(qdevice_remove.__doc__),
        ),
        Local(words="status", act=lambda around, args: status(around, args, run), doc=str(status.__doc__)),
        Local(words="nodes", act=lambda around, args: nodes(around, args, run), doc=str(nodes.__doc__)),
        Local(
            words="expected",
            positional=["expected"],
            act=lambda around, args: expected(around, args, run),
            doc=str(expected.__doc__),
        ),
        Local(
            words="keygen",
            positional=["filename"],
            act=lambda around, args: keygen(around, args, run),
            doc=str(keygen.__doc__),
        ),
    )
    return Suite("pvecm", "The cluster.", ROWS, {}, local)


SUITE = suite()


def entry() -> int:
    return main(SUITE.run)


if __name__ == "__main__":
    raise SystemExit(entry())
