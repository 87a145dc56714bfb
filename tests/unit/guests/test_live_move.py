"""What libvirt is told of a live migration, and the definition that the target gets."""

from __future__ import annotations

from xml.etree import ElementTree

import libvirt

from hostd.guests.qemu.connection import _move_call
from hostd.guests.qemu.definitions import with_disks_of
from hostd.guests.qemu.live_move import LiveMove, Progress, to_progress

HERE = """<domain><os><nvram type='file' format='raw' template='/t'><source file='/a/vars.raw'/></nvram></os><devices>
<disk type='file'><driver name='qemu' type='qcow2' cache='none'/><source file='/a/0.qcow2' index='2'/>
<backingStore type='file'><format type='raw'/><source file='/a/base.raw'/><backingStore/></backingStore>
<target dev='sda' bus='scsi'/><alias name='ua-scsi0'/></disk>
<disk type='file' device='cdrom'><target dev='hdc'/><alias name='ua-ide2'/></disk>
</devices></domain>"""
THERE = """<domain><os><nvram type='block' format='qcow2'><source dev='/dev/t/vars'/></nvram></os><devices>
<disk type='block'><driver name='qemu' type='raw'/><source dev='/dev/t/0'/><target dev='sda'/><alias name='ua-scsi0'/>
</disk></devices></domain>"""


def move(*slots: str) -> LiveMove:
    return LiveMove(libvirt="/m/libvirt", memory="/m/memory", disks="/m/disks", xml=HERE, slots=slots)


def test_the_target_finds_volumes_where_they_are_there() -> None:
    found = ElementTree.fromstring(with_disks_of(HERE, THERE))
    drive = found.find("devices/disk")
    assert drive is not None
    assert drive.get("type") == "block"
    assert [child.tag for child in drive if child.tag in ("source", "backingStore")] == ["source"]
    assert found.find("devices/disk/source[@dev='/dev/t/0']") is not None
    assert found.find("devices/disk/driver[@type='raw'][@cache='none']") is not None
    variables = found.find("os/nvram[@type='block'][@format='qcow2']/source[@dev='/dev/t/vars']")
    assert variables is not None
    assert len(found.findall("os/nvram/source")) == 1


def test_memory_alone() -> None:
    uri, parameters, flags = _move_call(move())
    assert uri == "qemu+unix:///system?socket=/m/libvirt"
    assert parameters == {"migrate_uri": "unix:///m/memory", "destination_xml": HERE}
    assert flags & libvirt.VIR_MIGRATE_PAUSED, "it goes on only when the file has changed hands"
    assert not flags & libvirt.VIR_MIGRATE_NON_SHARED_DISK


def test_disks_by_libvirts_names_and_no_others() -> None:
    _, parameters, flags = _move_call(move("scsi0"))
    assert (parameters["disks_uri"], parameters["migrate_disks"]) == ("unix:///m/disks", ["sda"])
    assert flags & libvirt.VIR_MIGRATE_NON_SHARED_DISK


def test_progress() -> None:
    assert to_progress({"type": 1}) is None
    stats = {"data_total": 100, "data_processed": 60, "data_remaining": 25, "memory_bps": 7, "disk_bps": 5}
    found = to_progress(stats)
    assert found == Progress(done=60, remaining=25, total=100, rate_bps=12)
    assert found.fraction == 0.75
