"""Light nodes: several hosts on one machine, made of namespaces, for tests as root.

A node has process, mount, network, IPC and host-name namespaces of its own: own ``/etc`` and ``/var`` (overlays:
changes are its own), own ``/run`` and ``/dev/shm``, own ``/etc/pve`` to mount on, and one interface ``ethK`` for each
link, with address ``10.99.K.N``. The links' other ends are ports of bridges in one more network namespace, the switch,
where cables are cut. Nothing has a name outside of these namespaces, so nothing can be left behind: they end with their
first processes.

Powering a node off ends all its processes at once. It does not lose what was written without fsync: the page cache is
the machine's, which lives on. Durability is for simulation and for virtual machines.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hostd.cluster.corosync import conf as corosync_conf
from hostd.cluster.corosync.conf import ClusterConf
from hostd.cluster.corosync.conf import Node as ConfNode

ROOT = Path(__file__).resolve().parents[2]
START_S = 20.0
# Buries orphans; a first process that does not makes their parents' ends invisible.
INIT = '$SIG{CHLD} = "IGNORE"; $0 = "lightnode"; sleep 1000 while 1;'
SETUP = """
mount --make-rprivate /
for d in etc var; do
  mkdir -p {own}/$d.upper {own}/$d.work
  mount -t overlay -o lowerdir=/$d,upperdir={own}/$d.upper,workdir={own}/$d.work overlay /$d
done
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs tmpfs /dev/shm
hostname {name}
mkdir -p /run/lock /etc/pve /etc/corosync /var/lib/corosync /var/log/corosync
[ -e {own}/made ] || rm -f /etc/corosync/corosync.conf  # that of Debian's package, not of a node that was off
: > {own}/made
ip link set lo up
: > {own}/ready
exec perl -e '{init}'
"""


def missing() -> str:
    """What this machine lacks for light nodes; empty when they work."""
    if os.geteuid() != 0:
        return "namespaces need root"
    absent = [
        program for program in ("unshare", "nsenter", "ip", "nft", "perl", "corosync") if not shutil.which(program)
    ]
    return f"not installed: {', '.join(absent)}" if absent else ""


def run(argv: Sequence[str | Path], *, check: bool = True, timeout_s: float = 60) -> str:
    """Standard output of a program; on failure the assertion shows what it said."""
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=timeout_s, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0 or not check, (
        f"{shlex.join(map(str, argv))}: {done.returncode}\n{done.stdout}{done.stderr}"
    )
    return done.stdout


class Space:
    """A set of namespaces that lives as long as its first process."""

    def __init__(self, own: Path, name: str, flags: str) -> None:
        self.own, self.name = own, name
        own.mkdir(parents=True, exist_ok=True)
        (own / "ready").unlink(missing_ok=True)
        script = SETUP.format(own=shlex.quote(str(own)), name=name, init=INIT)
        argv = ["unshare", *flags.split(), "--kill-child", "sh", "-euc", script]
        with (own / "setup.log").open("ab") as log:
            self._outer = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S
        while not (own / "ready").exists():
            assert self._outer.poll() is None, (own / "setup.log").read_text()
            assert time.monotonic() < deadline, f"{name} did not start: {(own / 'setup.log').read_text()}"
            time.sleep(0.005)
        self.pid = int(Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()[0])

    def enter(self) -> list[str]:
        """The words before a program's own that make it run in here."""
        return ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--net", "--pid"]

    def run(self, *argv: str | Path, check: bool = True, timeout_s: float = 60) -> str:
        """Run a program in here; standard output."""
        return run([*self.enter(), *argv], check=check, timeout_s=timeout_s)

    def end(self) -> None:
        """End all processes at once, as a power cut does (see above for what it does not do)."""
        if self._outer.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self._wake()
            self._outer.wait(START_S)

    def _wake(self) -> None:
        """Let parents out here bury what ended in there."""


class Node(Space):
    """A host. ``number`` is its node id and the last part of its addresses."""

    def __init__(self, lab: Lab, number: int) -> None:
        self.lab, self.number = lab, number
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        super().__init__(
            lab.directory / f"node{number}", f"node{number}", "--net --mount --uts --ipc --pid --fork --mount-proc"
        )
        for link in range(lab.links):
            lab.plug(self, link)

    def address(self, link: int) -> str:
        return f"10.99.{link}.{self.number}"

    def path(self, inside: str) -> Path:
        """A file of the node as seen from outside; also after its end where it lies in /etc or /var."""
        top, _, rest = inside.strip("/").partition("/")
        if top in ("etc", "var"):
            return self.own / f"{top}.upper" / rest
        return Path(f"/proc/{self.pid}/root", inside.strip("/"))

    def write(self, inside: str, data: str | bytes, mode: int = 0o644) -> None:
        """A file in the node, made through its own mounts."""
        path = Path(f"/proc/{self.pid}/root", inside.strip("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)

    def start(
        self, name: str, argv: Sequence[str | Path], *, stdin: int = subprocess.DEVNULL, stdout: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program that runs on; ``kill`` and ``log`` know it by ``name``."""
        self._forget(name)  # one of that name that has ended before
        words = shlex.join(map(str, argv))
        # the shell becomes the program, so that the number in the file is the program's
        shell = ["sh", "-euc", f"echo $$ > /run/{name}.pid; exec {words}"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        with (self.own / f"{name}.log").open("ab") as log:
            program = subprocess.Popen(
                [*self.enter(), *shell], stdin=stdin, stdout=log if stdout is None else stdout, stderr=log,
                env=environment, cwd=ROOT,
            )  # fmt: skip
        self._programs[name] = program
        return program

    def kill(self, name: str, number: int = signal.SIGKILL, *, wait: bool = True) -> None:
        """Send a signal to a program of ``start``; by default wait for its end."""
        if number == signal.SIGCONT:  # nsenter stops itself together with its child, and wakes it, too
            self._programs[name].send_signal(number)
        else:
            self.run("kill", f"-{number}", self.run("cat", f"/run/{name}.pid").strip())
        if wait:
            self._programs[name].wait(START_S)

    def _wake(self) -> None:
        for program in self._programs.values():
            program.send_signal(signal.SIGCONT)

    def _forget(self, name: str) -> None:
        program = self._programs.pop(name, None)
        if program is not None:
            program.wait(START_S)
            if program.stdin is not None:
                program.stdin.close()

    def log(self, name: str) -> str:
        """What a program of ``start`` has said."""
        return (self.own / f"{name}.log").read_text(errors="replace")

    def start_corosync(self, conf: ClusterConf, key: bytes) -> None:
        """Write configuration and key, start the daemon, wait until it answers."""
        self.write("/etc/corosync/authkey", key, 0o400)
        self.write("/etc/corosync/corosync.conf", for_tests(conf))
        self.start_corosync_again()

    def start_corosync_again(self) -> None:
        """As it was configured before."""
        program = self.start("corosync", ["corosync", "-f"])
        deadline = time.monotonic() + START_S
        while "nodelist.local_node_pos" not in self.run(
            "corosync-cmapctl", "-g", "nodelist.local_node_pos", check=False
        ):
            assert program.poll() is None, self.log("corosync")
            assert time.monotonic() < deadline, f"corosync does not answer: {self.log('corosync')}"
            time.sleep(0.05)

    def power_off(self) -> None:
        """All processes end at once; network and /run are gone, /etc and /var stay."""
        self.end()
        for name in list(self._programs):
            self._forget(name)


class Lab:
    """Nodes and the switch between them. ``links``: networks that every node is on."""

    def __init__(self, directory: Path, links: int = 2) -> None:
        self.directory, self.links = directory, links
        self.nodes: dict[int, Node] = {}
        self._bridges: set[str] = set()
        self._switch = Space(directory / "switch", "switch", "--net --mount --uts --ipc --pid --fork --mount-proc")

    def add(self, number: int) -> Node:
        """A new node, or one that was powered off, with what its /etc and /var held."""
        self.nodes[number] = Node(self, number)
        return self.nodes[number]

    def plug(self, node: Node, link: int) -> None:
        """Lay a cable from the node's ``ethK`` to the switch."""
        port = self._port(node.number, link)
        self._ip("link", "add", port, "type", "veth", "peer", "name", f"eth{link}", "netns", str(node.pid))
        self._connect(port, self._bridge(link, 0))
        node.run("ip", "address", "add", f"{node.address(link)}/24", "dev", f"eth{link}")
        node.run("ip", "link", "set", f"eth{link}", "up")

    def cut(self, number: int, link: int) -> None:
        """Unplug one cable of a node."""
        self._ip("link", "set", self._port(number, link), "down")

    def mend(self, number: int, link: int) -> None:
        """Plug it in again."""
        self._ip("link", "set", self._port(number, link), "up")

    def lose(self, number: int, link: int, percent: int) -> None:
        """Drop so many of the packets that reach a node on one link, at random; 0 ends it."""
        node, table = self.nodes[number], f"loss{link}"
        node.run("nft", "add", "table", "inet", table)
        node.run("nft", "delete", "table", "inet", table)
        if percent:
            rules = (
                f"table inet {table} {{ chain input {{ type filter hook input priority 0; "
                f'iifname "eth{link}" numgen random mod 100 < {percent} drop; }}; }}'
            )
            node.run("nft", rules)

    def partition(self, *groups: Iterable[int]) -> None:
        """Nodes reach those of their own group only, on all links; nodes in no group stay together."""
        for number in self.nodes:
            group = next((n for n, members in enumerate(groups, 1) if number in set(members)), 0)
            for link in range(self.links):
                self._connect(self._port(number, link), self._bridge(link, group))

    def heal(self) -> None:
        """All nodes reach all nodes; cables are plugged in."""
        self.partition()
        for number in self.nodes:
            for link in range(self.links):
                self.mend(number, link)

    def down(self) -> None:
        """End everything; files stay until their directory is removed."""
        with contextlib.ExitStack() as all_of:  # also the rest, where one does not end
            all_of.callback(self._switch.end)
            for node in self.nodes.values():
                all_of.callback(node.power_off)

    def conf(self, numbers: Iterable[int], **changes: str) -> ClusterConf:
        """A cluster of these nodes with the settings that we ship; ``changes`` to ``totem``."""
        conf: ClusterConf | None = None
        for number in numbers:
            links = {k: self.nodes[number].address(k) for k in range(self.links)}
            node = ConfNode(name=f"node{number}", node_id=number, links=links)
            conf = corosync_conf.create("lab", node) if conf is None else corosync_conf.add_node(conf, node)
        assert conf is not None
        totem = conf.totem
        for key, text in changes.items():
            totem = totem.with_value(key, text)
        return ClusterConf(conf.file.with_section(totem))

    def _bridge(self, link: int, group: int) -> str:
        name = f"br{link}g{group}"
        if name not in self._bridges:
            self._ip("link", "add", name, "type", "bridge")
            self._ip("link", "set", name, "up")
            self._bridges.add(name)
        return name

    def _connect(self, port: str, bridge: str) -> None:
        self._ip("link", "set", port, "master", bridge, "up")

    def _ip(self, *argv: str) -> None:
        """Run ip(8) in the switch's network alone: a cable's other end is named by a process of out here."""
        run(["nsenter", f"--target={self._switch.pid}", "--net", "ip", *argv])

    @staticmethod
    def _port(number: int, link: int) -> str:
        return f"n{number}e{link}"


def for_tests(conf: ClusterConf) -> str:
    """The file with what only tests need: a log to standard error, no move out of the machine's own control group."""
    logging = conf.file.section("logging")
    for key, text in {"to_syslog": "no", "to_stderr": "yes", "timestamp": "hires"}.items():
        logging = logging.with_value(key, text)
    system = conf.file.section("system").with_value("move_to_root_cgroup", "no")
    return ClusterConf(conf.file.with_section(logging).with_section(system)).format()


@contextlib.contextmanager
def lab(
    count: int,
    *,
    links: int = 2,
    corosync: bool = True,
    totem: Mapping[str, str] | None = None,
    realtime: bool = True,
) -> Iterator[Lab]:
    """``count`` nodes, with Corosync running as one cluster; everything is gone afterwards, however the test ends.

    ``realtime`` False: Corosync as an ordinary process. While there are messages it passes the token on without pause,
    so that three of them with real-time priority leave nothing of two processors to the programs that they serve.
    """
    directory = Path(tempfile.mkdtemp(prefix="holdfast-lab-"))
    made: Lab | None = None
    try:
        made = Lab(directory, links)
        for number in range(1, count + 1):
            made.add(number)
        if corosync:
            conf, key = made.conf(made.nodes, **(totem or {})), os.urandom(256)
            if not realtime:
                conf = ClusterConf(conf.file.with_section(conf.file.section("system").with_value("sched_rr", "no")))
            for node in made.nodes.values():
                node.start_corosync(conf, key)
        yield made
    except BaseException:
        for log in sorted(directory.glob("*/*.log")):
            print(f"--- {log.parent.name}/{log.name}\n{log.read_text(errors='replace')[-4000:]}", file=sys.stderr)
        raise
    finally:
        try:
            if made is not None:
                made.down()
        finally:
            shutil.rmtree(directory, ignore_errors=True)
