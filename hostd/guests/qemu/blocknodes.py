"""QEMU's names for the images of a running machine, by which its monitor is told which one is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hostd.guests.qemu.machines import Machines


def node_of(machines: Machines, vmid: int, path: str) -> str:
    """The node of the image at ``path`` on top of which a drive sits; "" where no drive has it open."""
    return find_node(machines.monitor(vmid, "query-block", {}), path)


def find_node(devices: Iterable[Mapping[str, Any]], path: str) -> str:
    """From the answer of ``query-block`` (QEMU QMP reference): the medium of each drive with the file below it."""
    for device in devices:
        inserted = device.get("inserted") or {}
        if inserted.get("image", {}).get("filename") == path or inserted.get("file") == path:
            return str(inserted.get("node-name", ""))
    return ""
