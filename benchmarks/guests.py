#!/usr/bin/env python3
"""What starting a machine costs beside libvirt's own start, and what sampling costs with 1,000 guests defined.

    bin/in-tools unshare --pid --fork --kill-child --mount-proc sh -c 'python3 benchmarks/guests.py; exit $?'

Starts libvirt's daemons by hand, so it wants a /run of its own. Starts by a task's worker and bare ``virsh create`` of
the very same definition take turns. Sampling is measured as processor time of this process and of libvirt's daemon,
with one machine running and the other configurations lying in the store. Exit code 1 when a limit is missed.
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
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.run import run
from hostd.guests import index
from hostd.guests.qemu import lifecycle, making, sockets
from hostd.guests.qemu import tasks as qemu_tasks
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.sampling import Sampler
from hostd.node import kvm_probe
from hostd.node.host import Host
from hostd.tasks.archive import Archive
from hostd.tasks.log import ListLog
from hostd.tasks.registry import collect
from hostd.tasks.scopes import NoScopes
from hostd.tasks.spawn import Spawner
from tests.lib import nokvm

EXTRA_LIMIT_S = 0.150
SHARE_LIMIT = 0.05
INTERVAL_S = 2.0  # as hostd-statd samples
DAEMONS = {"virtlogd": "/run/libvirt/virtlogd-sock", "libvirtd": "/run/libvirt/libvirt-sock"}
VALUES = {
    "memory": "64", "scsihw": "virtio-scsi-single", "scsi0": "local:1", "virtio0": "local:1", "agent": "1",
    "serial0": "socket", "ide2": "none,media=cdrom", "ostype": "l26",
}  # fmt: skip
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


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

    def __init__(self, host: Host, folder: str) -> None:
        self._archive = Archive(logs=f"{folder}/tasks", running=f"{folder}/running")
        os.makedirs(self._archive.running_folder)
        self._spawner = Spawner(host.node, collect((qemu_tasks,)), self._archive, NoScopes(), lambda: host)

    def start(self, vmid: int) -> None:
        """From the request to the recorded end of the task."""
        upid = self._spawner.spawn("qmstart", str(vmid), "root@pam", {"vmid": vmid})
        (pidfd,) = self._spawner.watched
        select.select([pidfd], [], [])
        self._spawner.reap(pidfd)
        entry = self._archive.status(upid)
        if entry is None or entry.status != "OK":
            raise SystemExit(f"start failed: {entry}")


def compare_starts(host: Host, folder: str, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each start: by a task's worker, and bare. They take turns."""
    worker, machines = Worker(host, folder), LibvirtMachines()
    worker.start(100)
    xml = Path(folder, "domain.xml")
    xml.write_text(machines.definition(100), encoding="utf-8")
    machines.close()
    lifecycle.stop(host, ListLog(), 100, machines=machines)
    machines.close()  # a worker has no connection before it was forked
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(timed(partial(worker.start, 100)))
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--guests", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
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
