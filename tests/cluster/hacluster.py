"""A service of high availability on three hosts, as tests watch it; cables, power, a marker on shared storage."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.conftest import Machine, wait_for

SHARED = "/srv/shared"
STORAGES = f"""
dir: local
	path /var/lib/vz
	content images,rootdir,iso,vztmpl,backup,snippets,import

dir: both
	path {SHARED}/disks
	content images,rootdir
	shared 1

"""


def shared_by(machines: list[Machine]) -> Path:
    """Here, what all of them have at SHARED."""
    first = machines[0]
    return first.folder.parent / f"cluster-{first.port}-shared"


def share_disks(first: Machine) -> None:
    """Give the cluster the storage `both`, which all hosts see."""
    assert first.write("storage.cfg", STORAGES)
    first.shell(f"mkdir -p {SHARED}/disks; chmod 755 {SHARED}/disks")


class Cluster:
    """The hosts as a cluster, which is made of them where they are none, and one service of it."""

    def __init__(self, machines: list[Machine], sid: str) -> None:
        self.machines, self.sid = machines, sid
        self.kind, _, self.vmid = sid.partition(":")
        first = machines[0]
        if first.online() == 0:
            first.run("pvecm", "create", "ha")
            for other in machines[1:]:
                token = first.run("pvecm", "token", "create").strip()
                other.run("pvecm", "join", "-", data=f"{token}\n")
        self.wait_for_all()

    def wait_for_all(self) -> None:
        wait_for("three members", lambda: all(m.online() == 3 for m in self.machines), 120)

    def by_name(self, name: str) -> Machine:
        return next(machine for machine in self.machines if machine.name == name)

    def others(self, *names: str) -> list[Machine]:
        return [machine for machine in self.machines if machine.name not in names]

    def runs_on(self, *away: str) -> list[str]:
        """Nodes with a process of the guest; those that are switched off are left out."""
        process = f"pgrep -f '[g]uest=.*{self.vmid},'"
        running = process if self.kind == "vm" else f"systemctl is-active hostd-ct@{self.vmid}"
        script = f"{running} >/dev/null && echo yes || true"
        return [machine.name for machine in self.others(*away) if machine.shell(script).strip() == "yes"]

    def pid(self, machine: Machine) -> str:
        return machine.shell(f"pgrep -f '[g]uest=.*{self.vmid},' | head -1").strip()

    def home(self, asked: Machine) -> str:
        return asked.shell(f"ls -d /etc/pve/nodes/*/*/{self.vmid}.conf").split("/")[4]

    def state(self, asked: Machine) -> str:
        """What the manager is at with the service."""
        rows = {row["id"]: row for row in asked.api().get("/cluster/ha/status/current")}
        return str(rows.get(f"service:{self.sid}", {}).get("state", ""))

    def master(self, asked: Machine) -> str:
        """The node whose manager decides; "" where none does."""
        rows = {row["id"]: row for row in asked.api().get("/cluster/ha/status/current")}
        return str(rows.get("master", {}).get("node", ""))

    def lead_away(self, asked: Machine, machine: Machine) -> None:
        """Have another node decide, where it is this one."""
        if self.master(asked) == machine.name:
            machine.run("systemctl", "stop", "hostd-ha-crm")
            wait_for("another node leads", lambda: self.master(asked) not in ("", machine.name), 150)
            machine.run("systemctl", "start", "hostd-ha-crm")

    def settled(self, asked: Machine, node: str, *away: str) -> Callable[[], bool]:
        """Whether the guest runs on a node, on no other, and the manager knows."""
        return lambda: self.runs_on(*away) == [node] and self.state(asked) == "started"

    def somewhere(self, asked: Machine, *away: str) -> Callable[[], bool]:
        """The same on whatever one node."""
        return lambda: len(self.runs_on(*away)) == 1 and self.state(asked) == "started"


@contextmanager
def cut(*machines: Machine) -> Iterator[None]:
    """Without their cables meanwhile."""
    try:
        for machine in machines:
            subprocess.run(["ip", "link", "set", f"hf{machine.port}", "down"], check=True)
        yield
    finally:
        for machine in machines:
            subprocess.run(["ip", "link", "set", f"hf{machine.port}", "up"], check=True)


def power_off(machine: Machine) -> None:
    subprocess.run(["lxc-stop", "-n", machine.container, "-k"], check=True)


class Marker:
    """A file on shared storage to which a container writes a line a second: an id of this start of it, and a count.

    Two that run at once write in turns.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "log"
        folder.mkdir(mode=0o777, exist_ok=True)
        folder.chmod(0o777)

    def starts(self) -> list[str]:
        """The ids of all starts in their order; an assertion where two ran at the same time."""
        found: list[str] = []
        for line in self.file.read_text().splitlines() if self.file.exists() else ():
            id = line.partition(" ")[0]
            if not found or found[-1] != id:
                assert id not in found, f"start {id} wrote again after another one had begun: it ran twice"
                found.append(id)
        return found


AGENT = """#!/bin/sh
# Asks whoever runs the test to cut the power, and waits for the answer.
while read -r line; do case $line in plug=*) plug=${line#plug=};; esac; done
touch "/srv/shared/power/$plug"
n=0
while [ ! -e "/srv/shared/power/$plug.off" ]; do n=$((n+1)); [ $n -lt 50 ] || exit 1; sleep 1; done
"""


class PowerSwitch:
    """A fence device: its agent on the hosts asks by a file, and this cuts the power of the host at once."""

    def __init__(self, folder: Path, machines: list[Machine]) -> None:
        self._folder, self._machines = folder, {machine.name: machine for machine in machines}
        self.cut: list[str] = []
        folder.mkdir(exist_ok=True)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def install(self) -> None:
        """Connect every host, and have the cluster use hardware."""
        lines = ["device switch fence_test", *(f"connect switch node={name} plug={name}" for name in self._machines)]
        for machine in self._machines.values():
            machine.ask("sh", "-c", "cat > /usr/sbin/fence_test; chmod 755 /usr/sbin/fence_test", data=AGENT)
        first = next(iter(self._machines.values()))
        assert first.write("ha/fence.cfg", "".join(f"{line}\n" for line in lines))
        first.run("pvesh", "set", "/cluster/options", "--fencing", "both")
        self._thread.start()

    def remove(self) -> None:
        self._over.set()
        self._thread.join(10)
        first = next(iter(self._machines.values()))
        first.run("pvesh", "set", "/cluster/options", "--delete", "fencing")

    def _follow(self) -> None:
        while not self._over.wait(0.2):
            for name, machine in self._machines.items():
                if (self._folder / name).exists():
                    (self._folder / name).unlink()
                    power_off(machine)
                    self.cut.append(name)
                    (self._folder / f"{name}.off").touch()

    def forget(self, name: str) -> None:
        """It is switched on again."""
        (self._folder / f"{name}.off").unlink(missing_ok=True)
