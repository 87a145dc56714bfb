"""What is understood of a machine's file, and a backup's configuration made that of a restored machine."""

from __future__ import annotations

import pytest

from hostd.core.errors import ParseError
from hostd.core.formats.keyvalue import parse_guest
from hostd.guests.qemu.restore import restored
from hostd.guests.qemu.understood import read, understood

TEXT = """#note
cores: 2
cpu: custom-fast
future: 1
sockets: none
cdrom: local:iso/x.iso
[PENDING]
delete: cores,!scsi1
future: 2
[first]
memory: 512
snaptime: now
snapstate: delete
[special:cloudinit]
name: a
[other:thing]
a: b
"""


def test_what_is_not_understood_is_left_out() -> None:
    file = understood(parse_guest(TEXT))
    assert file.comment == "note"
    assert file.current == {"cores": "2", "ide2": "local:iso/x.iso"}
    assert file.pending == {"delete": "cores,!scsi1"}
    assert file.snapshots["first"].values == {"memory": "512", "snapstate": "delete"}
    assert set(file.special) == {"special:cloudinit"}
    assert read(TEXT.encode()) == file


def test_a_custom_processor_must_exist() -> None:
    assert "cpu" in understood(parse_guest(TEXT), cpu_models=frozenset({"fast"})).current


@pytest.mark.parametrize("line", ["future: 1", "sockets: none", "cpu: custom-x", "[a:b]\nc: d", "[PENDING]\nfuture: 2"])
def test_a_strict_reader_is_told(line: str) -> None:
    with pytest.raises(ParseError):
        understood(parse_guest(line + "\n"), strict=True)


def zeros(count: int) -> bytes:
    return bytes(count)


def test_restored_drives() -> None:
    text = "scsi0: a:vm-1-disk-0,format=raw,size=1G\nscsi1: a:vm-1-disk-1,backup=0\nsata0: a:vm-1-disk-2\n"
    text += "lock: backup\nunused0: a:x\n"
    assert restored(
        text, {"scsi0": "b:vm-2-disk-0"}, unique=False, random=zeros, mac_prefix="02:AB:CD"
    ).splitlines() == [
        "scsi0: b:vm-2-disk-0,size=1G",
        "#scsi1: a:vm-1-disk-1,backup=0",
        "sata0: a:vm-1-disk-2",
    ]


def test_a_second_machine_beside_the_first_is_another_one() -> None:
    text = "net0: virtio=AA:00:00:00:00:01,bridge=b\nsmbios1: uuid=11111111-1111-1111-1111-111111111111\nvmgenid: x\n"
    same = restored(text, {}, unique=False, random=zeros, mac_prefix="02:AB:CD").splitlines()
    assert same[:2] == text.splitlines()[:2]
    assert same[2] == "vmgenid: 00000000-0000-4000-8000-000000000000"
    other = restored(text, {}, unique=True, random=zeros, mac_prefix="02:AB:CD").splitlines()
    assert other[0] == "net0: virtio=02:AB:CD:00:00:00,bridge=b"
    assert other[1] == "smbios1: uuid=00000000-0000-4000-8000-000000000000"
    assert restored("vmgenid: 0\n", {}, unique=True, random=zeros, mac_prefix="02:AB:CD") == "vmgenid: 0\n"
