"""What a line of a machine's configuration asks of who sets it, and what other files say about a guest."""

from __future__ import annotations

import pytest

from hostd.access import users
from hostd.cluster.store import MemoryStore
from hostd.guests import membership
from hostd.guests.qemu.rights import ROOT, Need, needs


def told(key: str, value: str) -> set[str]:
    return {f"{need.privilege}@{need.path}" if need.path else need.privilege for need in needs(key, value)}


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("memory", "512", {"VM.Config.Memory"}),
        ("scsi0", "a:1", {"VM.Config.Disk"}),
        ("scsi0", "/dev/sdb", {ROOT}),
        ("scsi0", "a:0,import-from=/root/x.qcow2", {"VM.Config.Disk", ROOT}),
        ("ide2", "a:iso/x.iso,media=cdrom", {"VM.Config.CDROM"}),
        ("ide2", "none,media=cdrom", {"VM.Config.CDROM"}),
        ("ide2", "a:cloudinit", {"VM.Config.CDROM", "VM.Config.Cloudinit"}),
        ("net0", "virtio,bridge=vmbr0", {"VM.Config.Network", "SDN.Use@/sdn/zones/localnetwork/vmbr0"}),
        ("net0", "virtio,bridge=vmbr0,tag=5", {"VM.Config.Network", "SDN.Use@/sdn/zones/localnetwork/vmbr0/5"}),
        ("serial0", "socket", {"VM.Config.HWType"}),
        ("serial0", "/dev/ttyS0", {ROOT}),
        ("cpu", "custom-mine,flags=+aes", {"VM.Config.CPU", "Mapping.Use@/mapping/cpu/mine"}),
        ("cpu", "EPYC", {"VM.Config.CPU"}),
        ("usb0", "spice", {"VM.Config.HWType"}),
        ("usb0", "mapping=key", {"VM.Config.HWType", "Mapping.Use@/mapping/usb/key"}),
        ("usb0", "host=1234:5678", {"VM.Config.HWType", ROOT}),
        ("hostpci0", "mapping=gpu", {"VM.Config.HWType", "Mapping.Use@/mapping/pci/gpu"}),
        ("hostpci0", "0000:01:00.0", {"VM.Config.HWType", ROOT}),
        ("virtiofs0", "share", {"VM.Config.Options", "Mapping.Use@/mapping/dir/share"}),
        ("rng0", "source=/dev/urandom", {"VM.Config.HWType"}),
        ("rng0", "source=/dev/hwrng", {"VM.Config.HWType", ROOT}),
        ("startup", "order=1", {"VM.Config.Options", "Sys.Modify@/"}),
        ("args", "-x", {ROOT}),
        ("lock", "backup", {ROOT}),
        ("unused3", "a:vm-100-disk-1", {"VM.Config.Disk"}),
        ("scsi0", "no,such=,thing", {"VM.Config.Disk"}),
        ("unheard-of", "1", {ROOT}),
    ],
)
def test_needs(key: str, value: str, wanted: set[str]) -> None:
    assert told(key, value) == wanted


def test_removing_asks_for_what_was_there() -> None:
    assert needs("scsi0", "") == [Need(privilege="VM.Config.Disk")]


def test_a_guest_that_is_gone_leaves_no_rights() -> None:
    store = MemoryStore("pve1")
    text = (
        "user:joe@pve:1:0::::::\npool:p::100,101::\nacl:1:/vms/100:joe@pve:PVEVMUser:\nacl:1:/vms:joe@pve:PVEVMUser:\n"
    )
    store.write(users.PATH, text.encode())
    membership.forget_rights(store, 100)
    after = users.parse(store.read(users.PATH).data.decode())
    assert after.pools["p"].vms == frozenset({101})
    assert {key[0] for key in after.acl} == {"/vms"}
    membership.join_pool(store, 200, "p")
    assert users.parse(store.read(users.PATH).data.decode()).pools["p"].vms == frozenset({101, 200})


def test_jobs_forget_a_guest() -> None:
    store = MemoryStore("pve1")
    jobs = "vzdump: a\n\tschedule 21:00\n\tvmid 100,101\n\nvzdump: b\n\tschedule 22:00\n\tvmid 100\n\n"
    jobs += "vzdump: c\n\tall 1\n\texclude 100\n\tschedule 23:00\n\n"
    store.write("jobs.cfg", jobs.encode())
    membership.leave_jobs(store, 100)
    text = store.read("jobs.cfg").data.decode()
    assert "vmid 101" in text
    assert "vzdump: b" not in text
    assert "exclude" not in text
    membership.leave_jobs(store, 100)
