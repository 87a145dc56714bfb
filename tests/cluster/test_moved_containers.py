"""Containers that move between two real nodes by a restart: an image and a folder go along; whatever is stopped or
killed on the way, one container is left that runs or can be started, and nothing else. And guests of all nodes at once.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import Machine, wait_for
from tests.lib import tinylinux
from tests.lib.apiclient import Api

STORAGES = """
dir: local
	path /var/lib/vz
	content images,rootdir,iso,vztmpl,backup,snippets,import

dir: extra
	path /var/lib/extra
	content rootdir

"""
VMID, OTHER = 921, 922
SLOW = 2048  # KiB a second
BIG = 24 << 20  # bytes that cannot be packed


@pytest.fixture(scope="module")
def pair(machines: list[Machine], tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Machine]:
    first, second = machines[:2]
    if first.ask("test", "-e", "/etc/pve/corosync.conf").code:
        first.run("pvecm", "create", "lab")
        second.run(
            "pvecm", "add", first.address, "--fingerprint", first.fingerprint(), data=f"{first.password}\n"
        )  # fmt: skip
    wait_for("both are members", lambda: first.online() == second.online() == 2)
    assert first.write("storage.cfg", STORAGES)
    template = tinylinux.build_template(tmp_path_factory.mktemp("template"))
    for machine in (first, second):
        machine.shell("mkdir -p /var/lib/extra")
        api(machine).upload("local", "vztmpl", template)
    return first, second


def api(machine: Machine) -> Api:
    made = machine.api()
    made.node = machine.name
    return made


def make(machine: Machine, vmid: int, **more: object) -> None:
    asked = api(machine)
    volume = "local:vztmpl/tiny-ct.tar.gz"
    made = asked.post(
        f"/nodes/{machine.name}/lxc", vmid=vmid, ostemplate=volume, rootfs="local:1", memory=128, swap=0,
        unprivileged=1, ostype="unmanaged", start=1, **more,
    )  # fmt: skip
    asked.wait(made)


class Container:
    """One that runs, with an image as its root and a folder at /data."""

    def __init__(self, pair: tuple[Machine, Machine], work: Path) -> None:
        self.pair, self.home = pair, pair[0]
        make(self.home, VMID, mp0="local:0,mp=/data")
        for path, data in (("/root/mark", b"in the image"), ("/data/mark", b"in the folder")):
            self.push(path, data, work)
        self.push("/root/big", os.urandom(BIG), work)

    @property
    def away(self) -> Machine:
        return self.pair[1] if self.home is self.pair[0] else self.pair[0]

    def push(self, path: str, data: bytes, work: Path) -> None:
        file = work / "pushed"
        file.write_bytes(data)
        argv = ["lxc-attach", "-n", self.home.container, "--clear-env", "--", "sh", "-c", "cat > /tmp/pushed"]
        subprocess.run(argv, input=data, check=True)
        self.home.run("pct", "push", str(VMID), "/tmp/pushed", path)

    def begin(self, **more: object) -> tuple[Api, str]:
        asked = api(self.home)
        values = {"target": self.away.name, "restart": 1, "timeout": 20, **more}
        return asked, asked.post(f"/nodes/{self.home.name}/lxc/{VMID}/migrate", **values)

    def move(self, **more: object) -> list[str]:
        asked, upid = self.begin(**more)
        asked.wait(upid, 300)
        self.home = self.away
        return asked.task_log(upid)

    def read(self, path: str) -> str:
        return self.home.run("pct", "exec", str(VMID), "--", "/bin/cat", path)

    def volumes(self, machine: Machine, folder: str = "/var/lib/vz") -> list[str]:
        return sorted(machine.ask("sh", "-c", f"ls {folder}/images/{VMID} 2>/dev/null").text.split())

    def check_home(self, *, running: bool = True) -> None:
        """It is where it should be, there alone, whole, and nothing is left of a move."""
        notes = f"ls /var/lib/hostd/migration/ 2>/dev/null; ls -d /run/hostd/migration/{VMID} 2>/dev/null"
        for machine in self.pair:
            mine = machine is self.home
            path = f"/etc/pve/nodes/{machine.name}/lxc/{VMID}.conf"
            assert (machine.ask("test", "-e", path).code == 0) is mine
            state = machine.ask("lxc-info", "-n", str(VMID), "-s").text
            assert ("RUNNING" in state) is (mine and running), f"{machine.name}: {state}"
            wait_for("no notes", lambda m=machine: m.ask("sh", "-c", notes).text == "")  # type: ignore[misc]
            if not mine:
                wait_for("no volume", lambda m=machine: not self.volumes(m))  # type: ignore[misc]
        config = self.home.read(f"nodes/{self.home.name}/lxc/{VMID}.conf")
        assert "lock" not in config
        assert "special:migration" not in config
        if running:
            assert (self.read("/root/mark"), self.read("/data/mark")) == ("in the image", "in the folder")


@pytest.fixture
def container(pair: tuple[Machine, Machine], tmp_path: Path) -> Iterator[Container]:
    made = Container(pair, tmp_path)
    yield made
    asked = api(made.home)
    asked.wait(asked.delete(f"/nodes/{made.home.name}/lxc/{VMID}?force=1"))


def test_there_and_back_with_its_volumes(container: Container) -> None:
    found = api(container.home).get(f"/nodes/{container.home.name}/lxc/{VMID}/migrate")
    assert (found["running"], found["allowed-nodes"]) == (1, [container.away.name])
    lines = container.move(**{"target-storage": "extra"})
    print("\n".join(lines))
    container.check_home()
    assert container.volumes(container.home, "/var/lib/extra") == ["subvol-921-disk-1.subvol", "vm-921-disk-0.raw"]
    owners = container.home.shell(f"stat -c %u /var/lib/extra/images/{VMID}/subvol-921-disk-1.subvol/mark")
    assert owners.strip() == "100000"
    api(container.home).wait(api(container.home).post(f"/nodes/{container.home.name}/lxc/{VMID}/status/shutdown"))
    said = container.home.run("pct", "migrate", str(VMID), container.away.name, "--target-storage", "local")
    assert "copying 'extra:921/vm-921-disk-0.raw'" in said
    container.home = container.away
    container.check_home(running=False)


def copying(asked: Api, upid: str) -> None:
    wait_for("it is being copied", lambda: any(text.startswith("copied ") for text in asked.task_log(upid)), 120)


def test_a_task_that_is_stopped_leaves_it_running_where_it_was(container: Container) -> None:
    asked, upid = container.begin(bwlimit=SLOW)
    copying(asked, upid)
    asked.delete(f"/nodes/{container.home.name}/tasks/{upid}")
    assert asked.wait(upid, 60, ok=False) == "interrupted by signal"
    container.check_home()


KILLS = {
    "task": "find /sys/fs/cgroup -path '*hostd-task-*.scope/cgroup.procs' -exec cat {} + | xargs kill -9",
    "target": "systemctl kill -s KILL 'hostd-incoming@*.service'",
}


@pytest.mark.parametrize("what", KILLS)
def test_whatever_is_killed_one_container_is_left(container: Container, what: str) -> None:
    asked, upid = container.begin(bwlimit=SLOW)
    copying(asked, upid)
    (container.home if what == "task" else container.away).shell(KILLS[what])
    assert asked.wait(upid, 90, ok=False) != "OK"
    wait_for("the target has nothing of it", lambda: container.volumes(container.away) == [], 60)
    if what == "task":  # nobody was left to start it again
        asked.wait(asked.post(f"/nodes/{container.home.name}/lxc/{VMID}/status/start"))
    container.check_home()
    container.move()
    container.check_home()


def test_all_guests_of_both_nodes_by_one_call(pair: tuple[Machine, Machine], container: Container) -> None:
    make(pair[1], OTHER)
    asked = api(pair[1])
    ids = [VMID, OTHER]
    try:
        upid = asked.post("/cluster/bulk-action/guest/shutdown", vms=ids, timeout=20)
        asked.wait(upid)
        container.check_home(running=False)
        asked.wait(asked.post("/cluster/bulk-action/guest/start", vms=ids))
        container.check_home()
        upid = asked.post("/cluster/bulk-action/guest/migrate", vms=ids, target=pair[1].name, online=1)
        asked.wait(upid, 300)
        log = asked.task_log(upid)
        print("\n".join(log))
        assert f"CT {OTHER} is left as it is: it is on node '{pair[1].name}' already" in log
        assert f"CT {VMID}: OK" in log
        container.home = pair[1]
        container.check_home()
    finally:
        asked.wait(asked.delete(f"/nodes/{pair[1].name}/lxc/{OTHER}?force=1"))
