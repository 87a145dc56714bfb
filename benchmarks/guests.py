#!/usr/bin/env python3
"""What starting a guest costs beside libvirt's and LXC's own start, and what sampling costs with 1,000 guests defined.

    bin/in-tools unshare --pid --fork --kill-child --mount-proc sh -c 'python3 benchmarks/guests.py; exit $?'
    make dev PORT=8100; bin/in-tools python3 benchmarks/guests.py --containers holdfast-8100

Machines: starts libvirt's daemons by hand, so it wants a /run of its own. Starts by a task's worker and bare ``virsh
create`` of the very same definition take turns. Sampling is measured as processor time of this process and of libvirt's
daemon, with one machine running and the other configurations lying in the store.

Containers: in a node, with its own systemd. Starts by a task's worker and by bare ``lxc-start`` of the same files and
settings take turns; then whole lives begin: made from our template and started, on a folder, and as a linked copy of a
template where the node has ZFS. Exit code 1 when a limit is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore, Mirror, Store
from hostd.core.run import run
from hostd.guests import config as files
from hostd.guests import index
from hostd.guests.lxc import runtime_config
from hostd.guests.lxc import tasks as lxc_tasks
from hostd.guests.lxc.mounts import parse_mount
from hostd.guests.lxc.ownership import where
from hostd.guests.lxc.volumes import mount_argv, source_of
from hostd.guests.qemu import lifecycle, making, sockets
from hostd.guests.qemu import tasks as qemu_tasks
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.sampling import Sampler
from hostd.guests.volumes import catalog_of
from hostd.node import kvm_probe
from hostd.node.host import Host
from hostd.tasks.archive import Archive
from hostd.tasks.log import ListLog
from hostd.tasks.registry import collect
from hostd.tasks.scopes import NoScopes
from hostd.tasks.spawn import Spawner

EXTRA_LIMIT_S = 0.150
SHARE_LIMIT = 0.05
INTERVAL_S = 2.0  # as hostd-statd samples
DAEMONS = {"virtlogd": "/run/libvirt/virtlogd-sock", "libvirtd": "/run/libvirt/libvirt-sock"}
VALUES = {
    "memory": "64", "scsihw": "virtio-scsi-single", "scsi0": "local:1", "virtio0": "local:1", "agent": "1",
    "serial0": "socket", "ide2": "none,media=cdrom", "ostype": "l26",
}  # fmt: skip
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# Containers.
CT, COPY = 9900, 9901
CT_EXTRA_LIMIT_S = 0.100
BIRTH_LIMIT_S = {"a folder": 2.0, "ZFS": 1.0}
CT_VALUES = {"rootfs": "local:1", "unprivileged": "1", "memory": "256", "swap": "0", "net0": "name=eth0,bridge=vmbr0"}
TEMPLATES = "/var/lib/vz/template/cache"
BENCH_TEMPLATE = "benchmark_1_amd64.tar.zst"
BARE = "/run/bench"
HERE = "/tmp/benchmark-guests.py"


def start_daemons() -> dict[str, int]:
    os.makedirs("/run/libvirt", exist_ok=True)
    pids = {}
    for name, path in DAEMONS.items():
        with open(os.devnull, "w", encoding="ascii") as null:
            actions = [(os.POSIX_SPAWN_DUP2, null.fileno(), 2)]
            pids[name] = os.posix_spawnp(name, [name], os.environ, setsid=True, file_actions=actions)
        while not os.path.exists(path):
            time.sleep(0.05)
    return pids


def cpu_s(pid: int) -> float:
    """Processor time of a process so far (proc_pid_stat(5), utime and stime)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def spread(times_s: list[float]) -> str:
    """Median and what lies between the quarters, in ms."""
    low, middle, high = statistics.quantiles(times_s, n=4)
    return f"{middle * 1000:.0f} ms ({low * 1000:.0f} to {high * 1000:.0f})"


def timed(what: partial[object]) -> float:
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun


class Worker:
    """Tasks as hostd-taskd runs them: a fork, a log, an entry of the index; only the scope of its own is left out."""

    def __init__(self, make_host: Callable[[], Host], node: str, folder: str, tasks: ModuleType) -> None:
        self._archive = Archive(logs=f"{folder}/tasks", running=f"{folder}/running")
        os.makedirs(self._archive.running_folder)
        self._spawner = Spawner(node, collect((tasks,)), self._archive, NoScopes(), make_host)

    def do(self, type: str, vmid: int, **args: object) -> None:
        """From the request to the recorded end of the task."""
        upid = self._spawner.spawn(type, str(vmid), "root@pam", {"vmid": vmid, **args})
        (pidfd,) = self._spawner.watched
        select.select([pidfd], [], [])
        self._spawner.reap(pidfd)
        entry = self._archive.status(upid)
        if entry is None or entry.status != "OK":
            raise SystemExit(f"{type} failed: {entry}")


def compare_starts(host: Host, folder: str, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each start: by a task's worker, and bare. They take turns."""
    worker, machines = Worker(lambda: host, host.node, folder, qemu_tasks), LibvirtMachines()
    worker.do("qmstart", 100)
    xml = Path(folder, "domain.xml")
    xml.write_text(machines.definition(100), encoding="utf-8")
    machines.close()
    lifecycle.stop(host, ListLog(), 100, machines=machines)
    machines.close()  # a worker has no connection before it was forked
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(timed(partial(worker.do, "qmstart", 100)))
        _end(machines)
        sockets.prepare(100)
        bare.append(timed(partial(run, ["virsh", "--quiet", "create", str(xml)], timeout_s=60)))
        _end(machines)
    return ours, bare


def _end(machines: LibvirtMachines) -> None:
    machines.stop(100)
    machines.wait_gone(100, 30)
    machines.close()


def sampling_share(host: Host, daemon: int, count: int, seconds: float) -> float:
    """Share of one core that samples and lists of all guests take, libvirt's part in it."""
    for vmid in range(1000, 1000 + count):
        text = f"cores: 2\nmemory: 2048\nname: guest{vmid}\nscsi0: local:{vmid}/vm-{vmid}-disk-0.raw,size=8G\n"
        host.store.write(f"nodes/{host.node}/qemu-server/{vmid}.conf", text.encode())
    sampler = Sampler(host)
    list(index.entries(host.mirror))  # files are read once
    begun_s, before = time.monotonic(), time.process_time() + cpu_s(daemon)
    while time.monotonic() - begun_s < seconds:
        sampler.sample(time.monotonic())
        assert sum(1 for _ in index.entries(host.mirror)) > count
        time.sleep(INTERVAL_S)
    return (time.process_time() + cpu_s(daemon) - before) / (time.monotonic() - begun_s)


# --- containers, in a node


def send_to(container: str, template: str) -> int:
    """Run the benchmark of containers in a node of ``make dev``; its exit code."""
    attach = ["lxc-attach", "-n", container, "--clear-env", "--"]
    for source, target in ((template, f"{TEMPLATES}/{BENCH_TEMPLATE}"), (__file__, HERE)):
        with open(source, "rb") as file:
            run([*attach, "sh", "-c", f"cat > {target}"], stdin=file.fileno(), timeout_s=60)
    os.execvp(attach[0], [*attach, "python3", HERE, "--inside"])


def measure_containers(rounds: int) -> int:
    """In the node: both comparisons; 1 when a limit is missed."""
    node = os.uname().nodename.partition(".")[0]
    folder = tempfile.mkdtemp(dir="/var/tmp", prefix="holdfast-bench-")

    def make_host() -> Host:  # each worker has a connection of its own
        return Host(node=node, store=Store(), mirror=Mirror(), run=run)

    try:
        worker, host = Worker(make_host, node, folder, lxc_tasks), make_host()
        held = [compare_container_starts(host, worker, rounds), births(host, worker, rounds)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("all limits hold" if all(held) else "a limit is missed")
    return 0 if all(held) else 1


def compare_container_starts(host: Host, worker: Worker, rounds: int) -> bool:
    worker.do("vzcreate", CT, template=f"local:vztmpl/{BENCH_TEMPLATE}", values=CT_VALUES)
    ours, bare = [], []
    try:
        worker.do("vzstart", CT)
        text = bare_config(Path(runtime_config.folder(CT), "config").read_text(encoding="utf-8"))
        worker.do("vzstop", CT)
        for _ in range(rounds):
            ours.append(timed(partial(worker.do, "vzstart", CT)))
            worker.do("vzstop", CT)
            with mounted(host):
                Path(BARE, "config").write_text(text, encoding="utf-8")
                argv = ["lxc-start", "--name", "bench", "--lxcpath", BARE, "--rcfile", f"{BARE}/config", "--daemon"]
                bare.append(timed(partial(run, argv, timeout_s=60)))
                run(["lxc-stop", "--name", "bench", "--lxcpath", BARE, "--kill"])
    finally:
        worker.do("vzdestroy", CT, force=True)
    extra = statistics.median(ours) - statistics.median(bare)
    print(f"starts of a container: by a worker {spread(ours)}; lxc-start {spread(bare)}")
    print(
        f"a worker takes {extra * 1000:+.0f} ms, {statistics.median(ours) / statistics.median(bare):.2f} times as long "
        f"(limit {CT_EXTRA_LIMIT_S * 1000:+.0f} ms)"
    )
    return extra <= CT_EXTRA_LIMIT_S


def bare_config(text: str) -> str:
    """The same container for LXC alone: without our unit's hooks and control groups, its root elsewhere."""
    left_out = ("lxc.hook.", "lxc.cgroup.relative", "lxc.cgroup.dir.", "lxc.rootfs.path", "lxc.net.0.veth.pair")
    lines = [line for line in text.splitlines() if not line.startswith(left_out)]
    return "".join(f"{line}\n" for line in [*lines, f"lxc.rootfs.path = dir:{BARE}/rootfs"])


@contextlib.contextmanager
def mounted(host: Host) -> Iterator[None]:
    """The container's root, as its unit would mount it."""
    point = parse_mount("rootfs", files.load(host.store, where(host, CT)).file.current["rootfs"])
    os.makedirs(f"{BARE}/rootfs", exist_ok=True)
    run(mount_argv(source_of(catalog_of(host), point.volume), f"{BARE}/rootfs", []))
    try:
        yield
    finally:
        run(["umount", f"{BARE}/rootfs"])


def births(host: Host, worker: Worker, rounds: int) -> bool:
    """From nothing to a running container."""

    def from_template() -> None:
        worker.do("vzcreate", CT, template=f"local:vztmpl/{BENCH_TEMPLATE}", values=CT_VALUES)
        worker.do("vzstart", CT)

    def linked() -> None:
        worker.do("vzclone", CT, newid=COPY, full=False)
        worker.do("vzstart", COPY)

    held = _born("a folder", from_template, worker, CT, rounds)
    pool = next((one.id for one in catalog_of(host).here() if one.type == "zfspool"), "")
    if not pool:
        print("ZFS: this node has none; not measured")
        return held
    values = {**CT_VALUES, "rootfs": f"{pool}:1"}
    worker.do("vzcreate", CT, template=f"local:vztmpl/{BENCH_TEMPLATE}", values=values)
    worker.do("vztemplate", CT)
    try:
        return _born("ZFS", linked, worker, COPY, rounds) and held
    finally:
        worker.do("vzdestroy", CT)


def _born(what: str, birth: Callable[[], None], worker: Worker, vmid: int, rounds: int) -> bool:
    times = []
    for _ in range(rounds):
        times.append(timed(partial(birth)))
        worker.do("vzdestroy", vmid, force=True)
    limit = BIRTH_LIMIT_S[what]
    print(f"made and started on {what}: {spread(times)} (limit {limit:.0f} s)")
    return statistics.median(times) <= limit


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--guests", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--containers", metavar="NODE", help="containers, in a node of 'make dev' (holdfast-PORT)")
    parser.add_argument("--template", default="", help="our template; the newest of the cache where it is not said")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return measure_containers(options.rounds)
    if options.containers:
        return send_to(options.containers, options.template or newest_template())
    return measure_machines(options)


def newest_template() -> str:
    cache = Path(os.environ.get("HOLDFAST_CACHE", "/var/cache/holdfast"))
    found = sorted(cache.glob("image/template-*.tar.zst"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise SystemExit(f"no template below {cache}/image: run 'make template'")
    return str(found[-1])


def measure_machines(options: argparse.Namespace) -> int:
    from tests.lib import nokvm  # a node has no tests

    if os.path.exists("/run/libvirt"):
        print("libvirt runs here already; this wants a /run of its own", file=sys.stderr)
        return 2
    with nokvm.covered():
        pids = start_daemons()
    folder = tempfile.mkdtemp(dir="/var/tmp", prefix="holdfast-bench-")
    os.chmod(folder, 0o755)
    setattr(locks, "DIRECTORY", f"{folder}/locks")  # noqa: B010 - a node's own are none of ours
    setattr(kvm_probe, "CACHE", f"{folder}/kvm.json")  # noqa: B010
    store = MemoryStore("bench")
    store.write("storage.cfg", f"dir: local\n\tpath {folder}\n\tcontent images,iso\n\n".encode())
    host = Host(node="bench", store=store, mirror=store.mirror(), run=run)
    try:
        making.create(host, ListLog(), 100, VALUES)
        ours, bare = compare_starts(host, folder, options.rounds)
        print(f"starts: by a worker {spread(ours)}; virsh create {spread(bare)}")
        extra = statistics.median(ours) - statistics.median(bare)
        ratio = statistics.median(ours) / statistics.median(bare)
        print(
            f"a worker takes {extra * 1000:+.0f} ms, {ratio:.2f} times as long (limit {EXTRA_LIMIT_S * 1000:+.0f} ms)"
        )
        lifecycle.start(host, ListLog(), 100)
        share = sampling_share(host, pids["libvirtd"], options.guests, options.seconds)
        print(
            f"sampling with {options.guests} guests defined: {share * 100:.2f} % of one core (limit {SHARE_LIMIT:.0%})"
        )
        lifecycle.stop(host, ListLog(), 100)
    finally:
        with contextlib.suppress(Exception):
            LibvirtMachines().stop(100)
        for pid in pids.values():
            os.kill(pid, 15)
            os.waitpid(pid, 0)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree("/run/libvirt", ignore_errors=True)
    held = extra <= EXTRA_LIMIT_S and share <= SHARE_LIMIT
    print("both limits hold" if held else "a limit is missed")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
