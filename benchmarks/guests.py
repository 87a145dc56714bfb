#!/usr/bin/env python3
"""What starting a machine costs beside libvirt's own start, and what sampling costs with 1,000 guests defined.

    bin/in-tools unshare --pid --fork --kill-child --mount-proc sh -c 'python3 benchmarks/guests.py; exit $?'

Starts libvirt's daemons by hand, so it wants a /run of its own. Starts by our life cycle and bare ``virsh create`` of
the very same definition take turns. Sampling is measured as processor time of this process and of libvirt's daemon,
with one machine running and the other configurations lying in the store. Exit code 1 when a limit is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
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
from hostd.guests.qemu import lifecycle, making
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.sampling import Sampler
from hostd.node import kvm_probe
from hostd.node.host import Host
from hostd.tasks.log import ListLog

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


def timed(what: partial[object]) -> float:
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun


def compare_starts(host: Host, folder: str, rounds: int) -> tuple[float, float]:
    """Medians in seconds: by our life cycle, and bare."""
    machines = LibvirtMachines()
    lifecycle.start(host, ListLog(), 100)
    xml = Path(folder, "domain.xml")
    xml.write_text(machines.definition(100), encoding="utf-8")
    lifecycle.stop(host, ListLog(), 100)
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(timed(partial(lifecycle.start, host, ListLog(), 100)))
        lifecycle.stop(host, ListLog(), 100)
        os.makedirs("/run/hostd/qemu/100", exist_ok=True)
        shutil.chown("/run/hostd/qemu/100", "libvirt-qemu", "libvirt-qemu")
        bare.append(timed(partial(run, ["virsh", "--quiet", "create", str(xml)], timeout_s=60)))
        machines.stop(100)
        machines.wait_gone(100, 30)
    machines.close()
    return statistics.median(ours), statistics.median(bare)


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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--guests", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    if os.path.exists("/run/libvirt"):
        print("libvirt runs here already; this wants a /run of its own", file=sys.stderr)
        return 2
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
        print(
            f"start: ours {ours * 1000:.0f} ms, virsh create {bare * 1000:.0f} ms, more {(ours - bare) * 1000:+.0f} ms"
        )
        lifecycle.start(host, ListLog(), 100)
        share = sampling_share(host, pids["libvirtd"], options.guests, options.seconds)
        print(f"sampling with {options.guests} guests defined: {share * 100:.2f} % of one core")
        lifecycle.stop(host, ListLog(), 100)
    finally:
        with contextlib.suppress(Exception):
            LibvirtMachines().stop(100)
        for pid in pids.values():
            os.kill(pid, 15)
            os.waitpid(pid, 0)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree("/run/libvirt", ignore_errors=True)
    held = ours - bare <= EXTRA_LIMIT_S and share <= SHARE_LIMIT
    print("both limits hold" if held else "a limit is missed")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
