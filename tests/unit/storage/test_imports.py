"""Machines in OVF and OVA files."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path

import pytest

from hostd.core.errors import NotFound, ParseError
from hostd.storage.imports import extract, extracted, read_machine

RASD = 'xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"'
ENVELOPE = """<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" {rasd}>
  <References><File ovf:href="{file}" ovf:id="f1"/></References>
  <DiskSection><Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="1"/></DiskSection>
  <VirtualSystem ovf:id="vm"><Name>web server 1</Name>
    <OperatingSystemSection ovf:id="96"/>
    <VirtualHardwareSection>
      {items}
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>"""


def item(**fields: object) -> str:
    return "<Item>" + "".join(f"<rasd:{key}>{value}</rasd:{key}>" for key, value in fields.items()) + "</Item>"


def description(file: str = "disk.vmdk") -> str:
    items = (
        item(InstanceID=1, ResourceType=3, VirtualQuantity=2),
        item(InstanceID=2, ResourceType=4, VirtualQuantity=1024),
        item(InstanceID=3, ResourceType=20),
        item(InstanceID=4, ResourceType=17, Parent=3, AddressOnParent=1, HostResource="ovf:/disk/d1"),
        item(InstanceID=5, ResourceType=10, ResourceSubType="VmxNet3"),
        item(InstanceID=6, ResourceType=10, ResourceSubType="Exotic"),
    )
    return ENVELOPE.format(rasd=RASD, file=file, items="\n".join(items))


def disk(sectors: int = 2048) -> bytes:
    return b"KDMV" + struct.pack("<IIQ", 1, 3, sectors) + bytes(512)


def test_a_description_beside_its_disk(tmp_path: Path) -> None:
    (tmp_path / "vm.ovf").write_text(description())
    (tmp_path / "disk.vmdk").write_bytes(disk())
    machine = read_machine(str(tmp_path / "vm.ovf"))
    assert machine.options() == {
        "name": "web-server-1", "cores": 2, "memory": 1024, "boot": "order=sata1", "ostype": "l26"
    }  # fmt: skip
    assert machine.nets() == {"net0": "vmxnet3", "net1": "e1000"}
    (found,) = machine.disks
    assert (found.address, found.size_bytes, found.path) == ("sata1", 1024**2, str(tmp_path / "disk.vmdk"))


def test_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "vm.ova"
    with tarfile.open(path, "w") as archive:
        for name, data in (("vm.ovf", description().encode()), ("disk.vmdk", disk())):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    assert read_machine(str(path)).disks[0].size_bytes == 1024**2
    extract(str(path), "disk.vmdk", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == disk()
    with pytest.raises(NotFound):
        extract(str(path), "other.vmdk", str(tmp_path / "none"))
    with extracted(str(path), "disk.vmdk") as file:
        assert Path(file).suffix == ".vmdk"
        assert Path(file).read_bytes() == disk()
    assert not Path(file).exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with extracted(str(path), "disk.vmdk", str(elsewhere)) as file:
        assert [str(found) for found in elsewhere.iterdir()] == [file]
    assert list(elsewhere.iterdir()) == []


def test_disks_stay_where_they_are(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "link.vmdk").symlink_to(secret)
    for file in ("../secret", "/etc/passwd", "link.vmdk"):
        (inside / "vm.ovf").write_text(description(file))
        with pytest.raises(ParseError):
            read_machine(str(inside / "vm.ovf"))
    (inside / "vm.ovf").write_text(description("none.vmdk"))
    with pytest.raises(NotFound):
        read_machine(str(inside / "vm.ovf"))


@pytest.mark.parametrize("text", ["", "<a/>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_what_is_no_description(tmp_path: Path, text: str) -> None:
    (tmp_path / "vm.ovf").write_text(text)
    with pytest.raises(ParseError):
        read_machine(str(tmp_path / "vm.ovf"))
