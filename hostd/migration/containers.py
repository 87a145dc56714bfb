"""Moving a container whose volumes every node sees: only its file changes hands. It is off meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hostd.core.errors import Conflict, Unsupported
from hostd.core.formats.keyvalue import GuestFile
from hostd.guests import config as files
from hostd.guests.config import GuestKind, GuestPath
from hostd.guests.lxc import devices, mounts
from hostd.guests.lxc.engine import Engine, SystemdEngine
from hostd.guests.lxc.interrupted import opened
from hostd.guests.lxc.ownership import all_volumes
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage.config import StorageFile
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task


@dataclass(frozen=True, kw_only=True)
class Report:
    """``local``: volumes that only this node sees. ``resources``: keys of folders and devices of this node.

    ``unavailable``: node → storages that it does not have.
    """

    volumes: tuple[VolumeId, ...]
    local: tuple[VolumeId, ...]
    resources: tuple[str, ...]
    unavailable: Mapping[str, tuple[str, ...]]

    @property
    def allowed(self) -> tuple[str, ...]:
        return tuple(node for node, missing in self.unavailable.items() if not missing)


def report(vmid: int, file: GuestFile, storages: StorageFile, others: Sequence[str]) -> Report:
    """For a container and the nodes it could go to; volumes of snapshots and unused ones count, too. Pure."""
    points = mounts.mount_points(file.current)
    named = {*all_volumes(file, vmid), *(point.source for point in points if not point.is_path)}
    volumes = tuple(VolumeId.parse(name) for name in sorted(named))
    used = {volume.storage for volume in volumes}
    paths = [point.key for point in points if point.is_path and point.values.get("shared", "0") != "1"]
    return Report(
        volumes=volumes,
        local=tuple(volume for volume in volumes if not _is_shared(storages, volume.storage)),
        resources=(*paths, *(device.key for device in devices.devices(file.current))),
        unavailable={node: _missing(storages, used, node) for node in others},
    )


def _is_shared(storages: StorageFile, name: str) -> bool:
    storage = storages.storages.get(name)
    return storage is not None and storage.shared


def _missing(storages: StorageFile, used: set[str], node: str) -> tuple[str, ...]:
    known = storages.storages
    return tuple(sorted(name for name in used if name not in known or not known[name].used_on(node)))


def require_movable(found: Report, vmid: int, target: str, *, running: bool) -> None:
    """Conflict or Unsupported with everything that is in the way; what cannot be done yet says so."""
    wrong = []
    if target not in found.unavailable:
        wrong.append(f"node '{target}' is not there")
    elif missing := found.unavailable[target]:
        wrong.append(f"node '{target}' does not have storage {', '.join(missing)}")
    if found.resources:
        wrong.append(f"it uses folders or devices of this node: {', '.join(found.resources)}")
    if running:
        wrong.append("it is running; shut it down first")
    if wrong:
        raise Conflict(f"can't migrate CT {vmid}: {'; '.join(wrong)}")
    if found.local:
        names = ", ".join(f"'{volume}'" for volume in found.local)
        raise Unsupported(f"can't migrate CT {vmid}: local volumes are not copied yet, move them first: {names}")


def move(host: Host, log: TaskLog, vmid: int, target: str, others: list[str], engine: Engine | None = None) -> None:
    """Hand a container that is off to ``target``, one of ``others``.

    The file is renamed, which the store does for all nodes at once: at every moment exactly one node has the container.
    """
    engine = engine or SystemdEngine(host.run)
    with files.lock(vmid):
        guest = opened(host, log, vmid, engine=engine)
        catalog = catalog_of(host)
        found = report(vmid, guest.file, catalog.file, others)
        require_movable(found, vmid, target, running=engine.running(vmid))
        catalog.deactivate(found.volumes)
        place = GuestPath(node=target, kind=GuestKind.LXC, vmid=vmid)
        host.store.rename(guest.where.path, place.path, if_version=guest.version)
    log.info(f"CT {vmid} belongs to node '{target}' now")


@task("vzmigrate")
def move_container_task(host: Host, log: TaskLog, *, vmid: int, target: str, others: list[str]) -> None:
    """Move a container to another node."""
    move(host, log, vmid, target, others)
