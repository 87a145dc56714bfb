"""What the methods about snapshots of both kinds of guest share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hostd.api.endpoint import Check
from hostd.core.kinds import BOOLEAN, NODE, STRING, VMID
from hostd.core.schema import Kind, param
from hostd.guests.config import StoredGuest

SNAPSHOT: Final = Kind(format="pve-configid", max_length=40)
MAY_SNAPSHOT: Final = Check("/vms/{vmid}", "VM.Snapshot")
MAY_ROLL_BACK: Final = Check("/vms/{vmid}", "VM.Snapshot", "VM.Snapshot.Rollback", any_of=True)
MAY_LOOK: Final = Check("/vms/{vmid}", "VM.Snapshot", "VM.Snapshot.Rollback", "VM.Audit", any_of=True)


@dataclass(frozen=True, kw_only=True)
class SnapshotParams:
    """One snapshot."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    snapname: str = param(SNAPSHOT, doc="Name of the snapshot.")


@dataclass(frozen=True, kw_only=True)
class DeleteParams:
    """A snapshot to remove."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    snapname: str = param(SNAPSHOT, doc="Name of the snapshot.")
    force: bool = param(BOOLEAN, default=False, doc="Also where a disk's state cannot be removed.")


@dataclass(frozen=True, kw_only=True)
class DescribeParams:
    """A snapshot with other notes."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    snapname: str = param(SNAPSHOT, doc="Name of the snapshot.")
    description: str | None = param(STRING, default=None, doc="Notes.")


@dataclass(frozen=True, kw_only=True)
class RollbackParams:
    """A snapshot to go back to."""

    node: str = param(NODE, doc="Cluster node.")
    vmid: int = param(VMID, doc="Guest id.")
    snapname: str = param(SNAPSHOT, doc="Name of the snapshot.")
    start: bool = param(BOOLEAN, default=False, shown_default=0, doc="Start the guest afterwards.")


def rows(guest: StoredGuest, *, running: bool, memory: bool) -> list[dict[str, object]]:
    """A guest's snapshots, oldest first, and last where it stands. ``memory``: snapshots may keep the memory."""
    found: list[dict[str, object]] = []
    for name, section in guest.file.snapshots.items():
        values = section.values
        row: dict[str, object] = {"name": name, "description": section.comment}
        row |= {"vmstate": int("vmstate" in values)} if memory else {}
        row["snaptime"] = int(values["snaptime"]) if values.get("snaptime", "").isdecimal() else 0
        row |= {key: values[key] for key in ("parent", "snapstate") if key in values}
        found.append(row)
    found.sort(key=lambda row: (row["snaptime"], row["name"]))
    here: dict[str, object] = {"name": "current", "description": "You are here!", "digest": guest.digest}
    here |= {"parent": guest.file.current["parent"]} if "parent" in guest.file.current else {}
    return [*found, here | {"running": int(running)}]
