"""Memory goes on in the machine it was saved in, with its disks where they are now."""

from __future__ import annotations

from xml.etree import ElementTree

from hostd.guests.qemu.definitions import with_disks_of

DISK = (
    '<disk type="{kind}"><driver name="qemu" type="{format}"/><source {place}="{path}"/><backingStore/>'
    '<alias name="ua-scsi0"/></disk>'
)


def domain(machine: str, disk: str) -> str:
    return f'<domain><os><type machine="{machine}">hvm</type></os><devices>{disk}<input type="x"/></devices></domain>'


def test_only_the_places_of_disks_change() -> None:
    saved = domain("pc-i440fx-9.2", DISK.format(kind="file", format="qcow2", place="file", path="/old"))
    now = domain("pc", DISK.format(kind="block", format="raw", place="dev", path="/dev/new"))
    made = ElementTree.fromstring(with_disks_of(saved, now))
    drive, kind = made.find("devices/disk"), made.find("os/type")
    assert drive is not None
    assert kind is not None
    assert (drive.get("type"), kind.get("machine")) == ("block", "pc-i440fx-9.2")
    assert [source.attrib for source in drive.iter("source")] == [{"dev": "/dev/new"}]
    assert [driver.get("type") for driver in drive.iter("driver")] == ["raw"]


def test_a_disk_that_is_gone_stays_as_it_was() -> None:
    saved = domain("pc", DISK.format(kind="file", format="raw", place="file", path="/old"))
    assert "/old" in with_disks_of(saved, domain("pc", ""))
