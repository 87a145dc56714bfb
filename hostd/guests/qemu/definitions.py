"""Domain definitions as libvirt gives them: what they say of disks, and one that takes another's. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree


def target_names(xml: str, slots: Sequence[str]) -> list[str]:
    """libvirt's names (``sda``) of drives."""
    domain = ElementTree.fromstring(xml)
    targets = (domain.find(f"devices/disk/alias[@name='ua-{slot}']/../target") for slot in slots)
    return [target.get("dev", "") for target in targets if target is not None]


def disk_paths(definition: str) -> dict[str, str]:
    """Drive (``scsi0``) → path that a running machine's definition says it lies at."""
    found = {}
    for drive in ElementTree.fromstring(definition).iterfind("devices/disk"):
        alias, source = drive.find("alias"), drive.find("source")
        if alias is not None and source is not None:
            found[alias.get("name", "").removeprefix("ua-")] = source.get("file") or source.get("dev") or ""
    return found


def with_disks_of(saved: str, xml: str) -> str:
    """The definition that memory was saved with, its disks and UEFI variables where those of ``xml`` are; disks are
    matched by alias.

    Memory goes on only in the very machine it was saved in, down to addresses that libvirt chose.
    """
    domain, now = ElementTree.fromstring(saved), ElementTree.fromstring(xml)
    for drive in domain.iterfind("devices/disk"):
        alias = drive.find("alias")
        name = "" if alias is None else alias.get("name", "")
        wanted = now.find(f"devices/disk/alias[@name='{name}']/..")
        if wanted is None:
            continue
        drive[:] = [child for child in drive if child.tag not in ("source", "backingStore")]
        drive.extend(child for child in wanted if child.tag in ("source", "backingStore"))
        drive.set("type", wanted.get("type", "file"))
        old, new = drive.find("driver"), wanted.find("driver")
        if old is not None and new is not None:
            old.set("type", new.get("type", "raw"))
    variables, theirs = domain.find("os/nvram"), now.find("os/nvram")
    if variables is not None and theirs is not None:
        variables.text, variables[:] = None, list(theirs)
        variables.attrib.update(theirs.attrib)
    return ElementTree.tostring(domain, encoding="unicode")
