"""Machines' disks on a real node: many clones at once, states with memory, disks that grow and move under a machine."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lib.apiclient import Api
from tests.lib.waiting import eventually

CLONES = 30
FIRST = 7000
CLONE = "one-of-thirty"


@pytest.fixture
def machine(api: Api) -> Iterator[str]:
    """The path of a small machine with one qcow2 disk; removed at the end, with its clones."""
    api.wait(
        api.post(f"/nodes/{api.node}/qemu", vmid=FIRST, memory=64, kvm=0, scsi0="local:0.02,format=qcow2", name="first")
    )
    yield f"/nodes/{api.node}/qemu/{FIRST}"
    for row in sorted(api.get(f"/nodes/{api.node}/qemu"), key=lambda row: row["vmid"] == FIRST):
        if row["vmid"] == FIRST or row["name"] == CLONE:
            place = f"/nodes/{api.node}/qemu/{row['vmid']}"
            api.wait(api.post(f"{place}/status/stop"))
            api.wait(api.delete(place))


def images(api: Api, vmid: int) -> set[str]:
    found = api.get(f"/nodes/{api.node}/storage/local/content", content="images")
    return {row["volid"] for row in found if row["vmid"] == vmid}


def test_thirty_linked_clones_at_once(api: Api, machine: str) -> None:
    """Each caller reserves an id and clones; nobody waits for a lock for longer than it is patient."""
    api.wait(api.post(f"{machine}/template"))

    def one(_number: int) -> int:
        vmid = int(api.post("/cluster/nextid")["vmid"])
        api.wait(api.post(f"{machine}/clone", newid=vmid, full=0, name=CLONE))
        return vmid

    with ThreadPoolExecutor(CLONES) as pool:
        made = list(pool.map(one, range(CLONES)))
    assert len(set(made)) == CLONES
    configs = [api.get(f"/nodes/{api.node}/qemu/{vmid}/config") for vmid in made]
    assert len({config["scsi0"].partition(",")[0] for config in configs}) == CLONES
    assert len({config["smbios1"] for config in configs}) == CLONES
    assert all("lock" not in config for config in configs)


def test_a_state_with_memory(api: Api, machine: str) -> None:
    api.wait(api.post(f"{machine}/status/start"))
    pid = api.get(f"{machine}/status/current")["pid"]
    api.wait(api.post(f"{machine}/snapshot", snapname="live", vmstate=1, description=secrets.token_hex(4)))
    assert api.get(f"{machine}/status/current")["pid"] == pid, "it went on"
    shown = api.get(f"{machine}/snapshot/live/config")
    assert shown["vmstate"].endswith("state-live.raw")
    api.put(f"{machine}/config", name="renamed")
    api.wait(api.post(f"{machine}/snapshot/live/rollback"))
    after = api.get(f"{machine}/status/current")
    assert (after["status"], after["name"]) == ("running", "first")
    assert after["pid"] != pid
    api.wait(api.delete(f"{machine}/snapshot/live"))
    assert images(api, FIRST) == {f"local:{FIRST}/vm-{FIRST}-disk-0.qcow2"}


def test_disks_of_a_running_machine_grow_and_move(api: Api, machine: str) -> None:
    api.wait(api.post(f"{machine}/status/start"))
    api.wait(api.put(f"{machine}/resize", disk="scsi0", size="+4M"))
    api.wait(api.post(f"{machine}/move_disk", disk="scsi0", storage="local", format="raw", delete=1))
    assert api.get(f"{machine}/config", current=1)["scsi0"].startswith(f"local:{FIRST}/vm-{FIRST}-disk-1.raw")
    assert images(api, FIRST) == {f"local:{FIRST}/vm-{FIRST}-disk-1.raw"}
    eventually(lambda: api.get(f"{machine}/status/current")["status"] == "running")


def test_a_cloud_init_drive(api: Api, machine: str) -> None:
    values = {"ide2": "local:cloudinit", "ciuser": "ann", "net0": "virtio,bridge=vmbr0", "ipconfig0": "ip=dhcp"}
    api.put(f"{machine}/config", **values, cipassword="not shown")
    assert api.get(f"{machine}/config")["cipassword"] == "**********"
    assert "user: ann" in api.get(f"{machine}/cloudinit/dump", type="user")
    api.put(f"{machine}/cloudinit")
    assert not [row for row in api.get(f"{machine}/cloudinit") if "pending" in row or "delete" in row]
    api.put(f"{machine}/config", ciuser="bob")
    assert [row for row in api.get(f"{machine}/cloudinit") if row.get("pending") == "bob"]
