"""Which volumes go along by which way, and everything that is in the way."""

from __future__ import annotations

import pytest

from hostd.core.errors import Conflict
from hostd.core.formats.keyvalue import QEMU_PENDING, parse_guest
from hostd.migration import preconditions
from hostd.migration.plan import How, MovePlan, Wish, parse_storages, plan
from hostd.storage.config import parse_storage_cfg

STORAGES = parse_storage_cfg(
    b"dir: local\n\tpath /var/lib/vz\n\tcontent images,iso\n\n"
    b"dir: both\n\tpath /mnt/both\n\tcontent images,iso\n\tshared 1\n\n"
    b"dir: isos\n\tpath /mnt/isos\n\tcontent iso\n\n"
    b"zfspool: tank\n\tpool tank\n\n"
    b"zfspool: pond\n\tpool pond\n\tnodes b\n\n"
    b"lvmthin: thin\n\tvgname vg\n\tthinpool data\n\n"
    b"dir: only-b\n\tpath /mnt/b\n\tcontent images\n\tshared 1\n\tnodes a,b\n\n"
)
LOCAL = "scsi0: local:100/vm-100-disk-0.raw\n"


def planned(text: str, wish: Wish, *, running: bool = False) -> MovePlan:
    found = preconditions.report(parse_guest(text, pending=QEMU_PENDING), STORAGES, ["b", "c"])
    return plan(100, found, STORAGES, wish, running=running)


def test_running_disks_are_mirrored_and_the_rest_is_copied() -> None:
    text = (
        f"{LOCAL}efidisk0: local:100/vm-100-disk-1.raw\nunused0: local:100/vm-100-disk-2.raw\n"
        "ide2: local:100/vm-100-cloudinit.qcow2,media=cdrom\nvirtio0: both:100/vm-100-disk-0.raw\n"
        "[PENDING]\nscsi1: local:100/vm-100-disk-3.raw\n"
    )
    found = planned(text, Wish(target="b", online=True, with_local_disks=True), running=True)
    assert {(t.slot, t.how) for t in found.transfers} == {
        ("scsi0", How.MIRROR),
        ("efidisk0", How.COPY),
        ("unused0", How.COPY),
        ("ide2", How.COPY),
        ("scsi1", How.COPY),
    }
    assert [str(v) for v in found.shared] == ["both:100/vm-100-disk-0.raw"]
    assert [t.slot for t in found.mirrored] == ["scsi0"]
    assert {t.how for t in planned(text, Wish(target="b")).transfers} == {How.COPY}


@pytest.mark.parametrize(
    ("pairs", "storage"), [("", "local"), ("1", "local"), ("both", "both"), ("x:y,local:only-b", "only-b")]
)
def test_where_volumes_go(pairs: str, storage: str) -> None:
    wish = Wish(target="b", storages=parse_storages(pairs))
    assert [t.storage for t in planned(LOCAL, wish).transfers] == [storage]


@pytest.mark.parametrize(
    ("text", "wish", "running", "words"),
    [
        ("scsi0: only-b:1/vm-1-disk-0.raw\nusb0: host=1-1\n", Wish(target="c"), False, "usb0; .*storage 'only-b'"),
        ("", Wish(target="z"), False, "'z' is not there"),
        ("", Wish(target="b"), True, "it is running: move it online"),
        (LOCAL, Wish(target="b", online=True), True, "allow copying local disks"),
        (LOCAL, Wish(target="c", storages={"": "only-b"}), False, "does not have storage 'only-b'"),
        (LOCAL, Wish(target="b", storages={"": "isos"}), False, "'isos' takes no disks"),
        ("ide2: local:iso/x.iso,media=cdrom\n", Wish(target="b"), False, "ide2 holds 'local:iso/x.iso'"),
        (f"{LOCAL}[one]\n{LOCAL}", Wish(target="b"), False, "has snapshots"),
        ("scsi0: local:100/base-100-disk-0.raw\n", Wish(target="b"), False, "template's"),
        (
            "tpmstate0: local:100/vm-100-disk-0.raw\n",
            Wish(target="b", online=True, with_local_disks=True),
            True,
            "the TPM's state",
        ),
    ],
)
def test_what_is_in_the_way(text: str, wish: Wish, running: bool, words: str) -> None:
    with pytest.raises(Conflict, match=words):
        planned(text, wish, running=running)


def with_snapshot(lines: str) -> str:
    return f"{lines}[one]\n{lines}snaptime: 1\n"


QCOW2 = "scsi0: local:100/vm-100-disk-0.qcow2\n"


def test_states_go_along_where_both_storages_know_the_same_stream() -> None:
    text = with_snapshot(f"{QCOW2}virtio1: tank:vm-100-disk-0\nide2: local:100/vm-100-cloudinit.qcow2,media=cdrom\n")
    text += "vmstate: thin:vm-100-state-one\n"
    found = planned(text, Wish(target="b", storages={"tank": "pond"}))
    assert {(t.slot, t.how, t.stream) for t in found.transfers} == {
        ("scsi0", How.COPY, "qcow2"),
        ("virtio1", How.COPY, "zfs"),
        ("ide2", How.COPY, ""),
        ("vmstate", How.COPY, ""),
    }


@pytest.mark.parametrize(
    ("lines", "storages", "words"),
    [
        ("scsi0: thin:vm-100-disk-0\n", {}, r"'thin:vm-100-disk-0' has snapshots, which storage 'thin' \(lvmthin\)"),
        ("scsi0: tank:vm-100-disk-0\n", {"tank": "local"}, "storage 'local'.*cannot take: choose one of type zfspool"),
        ("scsi0: tank:base-9-disk-0/vm-100-disk-0\n", {}, "a linked clone cannot take along"),
    ],
)
def test_states_that_cannot_go_along(lines: str, storages: dict[str, str], words: str) -> None:
    with pytest.raises(Conflict, match=words):
        planned(with_snapshot(lines), Wish(target="b", storages=storages))


def test_states_do_not_go_along_while_it_runs() -> None:
    wish = Wish(target="b", online=True, with_local_disks=True)
    with pytest.raises(Conflict, match="while the machine runs: shut it down"):
        planned(with_snapshot(QCOW2), wish, running=True)
    saved = f"{LOCAL}[one]\nscsi0: both:100/vm-100-disk-9.qcow2\nvmstate: local:100/vm-100-state-one.raw\n"
    assert [t.slot for t in planned(saved, wish, running=True).transfers] == ["scsi0", "vmstate"]


def test_a_linked_clone_of_a_local_base_is_made_whole() -> None:
    text = "scsi0: local:101/base-101-disk-0.raw/100/vm-100-disk-0.qcow2\n"
    assert [t.how for t in planned(text, Wish(target="b")).transfers] == [How.COPY]
