"""Storages by name: which one holds a volume, where it lies, allocate and free. What guests and the API talk to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from hostd.cluster import locks
from hostd.cluster.store import Mirror, Store
from hostd.core.errors import Conflict, NotFound, Unavailable, Unsupported
from hostd.core.run import Run
from hostd.storage.config import PATH, StorageFile, parse_storage_cfg
from hostd.storage.drivers import DRIVERS
from hostd.storage.interface import (
    Driver,
    Feature,
    Snapshots,
    StorageConfig,
    Streams,
    Templates,
    Volume,
    VolumeSpec,
    has_feature,
)
from hostd.storage.listing import content_path, of_guest
from hostd.storage.plugins import driver as plugins
from hostd.storage.retention import Backup
from hostd.storage.volume import Content, VolumeId

# Names must not be raced for while a volume is made; making one may take a while.
_LOCK_S = 60
Lock = Callable[[str, float], AbstractContextManager[object]]


def node_lock(name: str, timeout_s: float) -> AbstractContextManager[object]:
    """A lock between the processes of this node."""
    return locks.local_lock(name, timeout_s, locks.DIRECTORY)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A volume with its full id; ``content`` is ``rootdir`` for the volumes of containers."""

    id: VolumeId
    volume: Volume

    def as_backup(self) -> Backup:
        """As the rules of retention see it."""
        v = self.volume
        return Backup(volid=str(self.id), ctime_s=v.ctime_s or 0, vmid=v.vmid, protected=v.protected)


def _has_driver(type: str) -> bool:
    return type in DRIVERS or type in plugins.types()


class Catalog:
    """The storages of one reading of ``storage.cfg``, as one node sees them."""

    def __init__(self, data: bytes, *, node: str, run: Run, lock: Lock) -> None:
        self.file: StorageFile = parse_storage_cfg(data)
        self._node, self._run, self._lock = node, run, lock

    @classmethod
    def from_mirror(cls, mirror: Mirror, *, node: str, run: Run) -> Catalog:
        """As the copy in memory shows it: for lists and checks."""
        file = mirror.get(PATH)
        return cls(file.data if file else b"", node=node, run=run, lock=node_lock)

    @classmethod
    def from_store(cls, store: Store, *, node: str, run: Run) -> Catalog:
        """As it is now: for tasks, which have no copy in memory."""
        try:
            data = store.read(PATH).data
        except NotFound:
            data = b""
        return cls(data, node=node, run=run, lock=node_lock)

    def here(self) -> list[StorageConfig]:
        """Storages that are enabled on this node and have a driver."""
        return [s for s in self.file.storages.values() if s.used_on(self._node) and _has_driver(s.type)]

    def driver(self, id: str) -> Driver:
        """Raises NotFound, Unavailable (disabled, or not on this node) or Unsupported (no driver)."""
        storage = self.file.get(id)
        if storage.disabled:
            raise Unavailable(f"storage '{id}' is disabled")
        if not storage.used_on(self._node):
            raise Unavailable(f"storage '{id}' is not available on node '{self._node}'")
        if storage.type not in DRIVERS and storage.type in plugins.types():
            return plugins.make(storage, self._run)
        if storage.type not in DRIVERS:
            raise Unsupported(f"storage '{id}': type '{storage.type}' is not supported yet")
        return DRIVERS[storage.type](storage, self._run)

    def require(self, id: str, content: str) -> Driver:
        """The driver of a storage that may hold this content; Conflict otherwise."""
        driver = self.driver(id)
        if content not in self.file.get(id).content:
            raise Conflict(f"storage '{id}' does not support content type '{content}'")
        return driver

    def require_files(self, id: str, content: str) -> Driver:
        """As ``require``, of a storage that keeps images as files in a folder; Unsupported for others."""
        driver = self.require(id, content)
        if not driver.info.image_files or not driver.storage.text("path"):
            raise Unsupported(f"storage '{id}' keeps no files; name one of type dir, nfs or the like")
        return driver

    def folder(self, id: str, content: str) -> str:
        """Where a storage of files keeps a content; it is there. Raises as ``require_files``."""
        driver = self.require_files(id, content)
        driver.activate()
        return content_path(driver.storage, content)

    def path(self, volume: VolumeId) -> str:
        return self.driver(volume.storage).path(volume.name)

    def volume(self, volume: VolumeId) -> Volume:
        return self.driver(volume.storage).volume(volume.name)

    def has(self, volume: VolumeId) -> bool:
        """Whether the volume is there."""
        try:
            self.volume(volume)
        except NotFound:
            return False
        return True

    def format(self, volume: VolumeId) -> str:
        """The image's format, from its name alone."""
        return self.driver(volume.storage).parse(volume.name).format

    def volumes(
        self, id: str, contents: Collection[str], guests: Mapping[int, str], vmid: int | None = None
    ) -> list[Listed]:
        """Volumes of these contents. ``guests``: id → ``qemu`` or ``lxc``, by which images become ``rootdir``."""
        driver = self.driver(id)
        driver.activate()
        found = []
        for each in driver.volumes(contents, vmid):
            volume = of_guest(each, guests)
            if volume.content in contents:
                found.append(Listed(id=VolumeId(id, volume.name), volume=volume))
        return found

    def allocate(self, id: str, spec: VolumeSpec, content: str) -> VolumeId:
        """Make a volume for a guest; its name is chosen under the storage's lock."""
        driver = self.require(id, content)
        driver.activate()
        with self._lock(f"storage-{id}", _LOCK_S):
            return VolumeId(id, driver.create(spec))

    def free(self, volume: VolumeId) -> None:
        """Delete a volume. Raises NotFound when it is not there."""
        with self._changing(volume.storage) as driver:
            self.require_no_clones(volume)
            driver.delete(volume.name)

    def require_no_clones(self, volume: VolumeId) -> None:
        """Conflict, naming them, while linked clones stand on the volume."""
        if clones := self._clones(self.driver(volume.storage), volume):
            raise Conflict(f"base '{volume}' is still in use by linked clones: {', '.join(clones)}")

    def _clones(self, driver: Driver, volume: VolumeId) -> list[str]:
        base = driver.parse(volume.name)
        if not base.is_base:
            return []
        names = (v.name for v in driver.volumes({Content.IMAGES, Content.ROOTDIR}))
        found = ((name, driver.parse(name)) for name in names)
        return [name for name, own in found if (own.base, own.base_vmid) == (base.name, base.vmid)]

    @contextmanager
    def _changing(self, id: str) -> Iterator[Driver]:
        """The driver of a storage that is ready, its lock held."""
        driver = self.driver(id)
        driver.activate()
        with self._lock(f"storage-{id}", _LOCK_S):
            yield driver

    # --- what can be done with volumes

    def can(self, volume: VolumeId, feature: Feature, snapshot: str = "") -> bool:
        return has_feature(self.driver(volume.storage), volume.name, feature, snapshot)

    def resize(self, volume: VolumeId, size_bytes: int) -> int:
        """Grow a volume to at least that size; returns the size that it has now. Conflict when it would shrink.

        An image file that QEMU has open is grown by QEMU instead (see ``Info.image_files``).
        """
        with self._changing(volume.storage) as driver:
            now = driver.volume(volume.name).size_bytes
            if size_bytes < now:
                raise Conflict(f"volume '{volume}' has {now} bytes; shrinking it to {size_bytes} is not possible")
            driver.resize(volume.name, size_bytes)
            return driver.volume(volume.name).size_bytes

    def rename(self, volume: VolumeId, vmid: int, name: str = "") -> VolumeId:
        """Give a volume to another guest; ``name`` empty: the lowest free one."""
        with self._changing(volume.storage) as driver:
            return VolumeId(volume.storage, driver.rename(volume.name, vmid, name))

    def snapshots(self, volume: VolumeId) -> Snapshots:
        """The storage as one that keeps states; Unsupported where it cannot, for this volume."""
        driver = self.driver(volume.storage)
        if not isinstance(driver, Snapshots) or not has_feature(driver, volume.name, Feature.SNAPSHOT):
            raise Unsupported(f"volume '{volume}' cannot have snapshots: storage type and format do not support them")
        return driver

    def streams(self, volume: VolumeId, kind: str) -> Streams:
        """The storage as one that carries the volume with its states, as that kind of stream; Unsupported otherwise."""
        driver = self.driver(volume.storage)
        if not isinstance(driver, Streams) or driver.info.streams.get(driver.parse(volume.name).format) != kind:
            raise Unsupported(f"volume '{volume}' cannot travel with its states as a stream of kind '{kind}'")
        return driver

    def snapshot(self, volume: VolumeId, snapshot: str) -> None:
        self.snapshots(volume).snapshot(volume.name, snapshot)

    def rollback(self, volume: VolumeId, snapshot: str) -> None:
        self.snapshots(volume).rollback(volume.name, snapshot)

    def delete_snapshot(self, volume: VolumeId, snapshot: str) -> None:
        self.snapshots(volume).delete_snapshot(volume.name, snapshot)

    def make_base(self, volume: VolumeId) -> VolumeId:
        """Turn a volume into a base for linked clones; its new id. A base stays what it is."""
        with self._changing(volume.storage) as driver:
            if driver.parse(volume.name).is_base:
                return volume
            if not isinstance(driver, Templates) or not has_feature(driver, volume.name, Feature.TEMPLATE):
                raise Unsupported(f"volume '{volume}' cannot become a base: its storage has no linked clones")
            return VolumeId(volume.storage, driver.make_base(volume.name))

    def clone(self, volume: VolumeId, vmid: int, snapshot: str = "") -> VolumeId:
        """A linked clone for a guest. Unsupported where the volume (or that state of it) cannot carry one."""
        with self._changing(volume.storage) as driver:
            if not isinstance(driver, Templates) or not has_feature(driver, volume.name, Feature.CLONE, snapshot):
                raise Unsupported(f"volume '{volume}' cannot carry linked clones; make a full copy")
            return VolumeId(volume.storage, driver.clone(volume.name, vmid, snapshot))

    def activate(self, volumes: Iterable[VolumeId]) -> None:
        """Make volumes usable, their storages first."""
        ready: dict[str, Driver] = {}
        for volume in volumes:
            if volume.storage not in ready:
                ready[volume.storage] = self.driver(volume.storage)
                ready[volume.storage].activate()
            ready[volume.storage].activate_volume(volume.name)

    def deactivate(self, volumes: Iterable[VolumeId]) -> None:
        for volume in volumes:
            self.driver(volume.storage).deactivate_volume(volume.name)
