"""A thin pool in a volume group: disks take space as they are written."""

from __future__ import annotations

from typing import ClassVar, Final

from hostd.core.errors import Conflict, NotFound, Unavailable
from hostd.core.formats.sections import SectionOption
from hostd.core.run import Run
from hostd.storage.drivers.abilities import check_snapshot, every
from hostd.storage.drivers.lvm import SLOW_S, LogicalVolume, Lvm, activate_argv, remove_argv, rename_argv
from hostd.storage.drivers.options import COMMON, VG_NAME
from hostd.storage.interface import Info, State, StorageConfig, Usage, VolumeSpec
from hostd.storage.volume import VolumeName, base_name, parse_block_name

# Beyond this share of data or metadata a pool takes no new volume: its writers would soon stop.
_FULL_PERCENT: Final = 99.0


def create_thin_argv(vg: str, pool: str, name: str, size_bytes: int) -> list[str]:
    """A thin volume of that virtual size."""
    wipe = ["--wipesignatures", "y", "--yes"]
    return ["lvcreate", "-aly", *wipe, "--virtualsize", f"{size_bytes}b", "-n", name, "--thinpool", f"{vg}/{pool}"]


def snapshot_volume(name: str, snapshot: str) -> str:
    """A state of a volume is a thin volume of its own, under the name that the reference gives it."""
    return f"snap_{name}_{snapshot}"


def snapshot_argv(vg: str, name: str, snapshot: str) -> list[str]:
    """A read-only copy that shares its data; not activated by itself."""
    return ["lvcreate", "-pr", "-s", "-n", snapshot_volume(name, snapshot), f"{vg}/{name}"]


def clone_argv(vg: str, origin: str, name: str) -> list[str]:
    """A writable copy that shares its data, activated as any other volume (``-kn``)."""
    return ["lvcreate", "-prw", "-kn", "-s", "-n", name, f"{vg}/{origin}"]


def read_only_argv(vg: str, name: str) -> list[str]:
    return ["lvchange", "-pr", f"{vg}/{name}"]


class LvmThin(Lvm):
    """Driver ``lvmthin``."""

    info: ClassVar[Info] = Info(
        type="lvmthin",
        content=frozenset(("images", "rootdir")),
        default_content=frozenset(("images", "rootdir")),
        formats=("raw",),
        container_format="raw",
        features=every(
            ("raw",),
            snapshot=("raw",),
            clone={State.BASE: ("raw",), State.SNAPSHOT: ("raw",)},
            copy_snapshots=("raw",),
            template=True,
        ),
        options={
            "vgname": SectionOption(kind=VG_NAME, doc="Volume group.", fixed=True, required=True),
            "thinpool": SectionOption(kind=VG_NAME, doc="Thin pool in it.", fixed=True, required=True),
            **COMMON,
        },
    )

    def __init__(self, storage: StorageConfig, run: Run) -> None:
        super().__init__(storage, run)
        self.pool = storage.text("thinpool")

    def parse(self, name: str) -> VolumeName:
        return parse_block_name(name)

    def usage(self) -> Usage:
        """The pool's size; used is the fuller of data and metadata, since either one stops writers when it ends."""
        pool = self._thin_pool()
        used = int(pool.size_bytes * pool.percent / 100)
        return Usage(total_bytes=pool.size_bytes, used_bytes=used, available_bytes=pool.size_bytes - used)

    def create_argv(self, name: str, size_bytes: int) -> list[str]:
        return create_thin_argv(self.vg, self.pool, name, size_bytes)

    def create(self, spec: VolumeSpec) -> str:
        self._refuse_full()
        return super().create(spec)

    def _thin_pool(self) -> LogicalVolume:
        for lv in self._logical_volumes():
            if lv.name == self.pool and lv.attributes.startswith("t"):
                return lv
        raise Unavailable(f"storage '{self.storage.id}' is offline: no thin pool '{self.vg}/{self.pool}'")

    def _refuse_full(self) -> None:
        """LVM itself would go on promising space in a full pool."""
        if (percent := self._thin_pool().percent) >= _FULL_PERCENT:
            raise Conflict(
                f"storage '{self.storage.id}': thin pool '{self.vg}/{self.pool}' is full ({percent:g} %); "
                "extend it, or delete volumes or snapshots"
            )

    def _present(self) -> dict[str, LogicalVolume]:
        return {lv.name: lv for lv in self._logical_volumes()}

    def _remove(self, name: str) -> None:
        self.run(remove_argv(self.vg, name), timeout_s=SLOW_S)

    def delete(self, name: str) -> None:
        """The states of a volume go with it."""
        self.parse(name)
        states = self.snapshots(name)
        if not states or name in self._present():  # a volume lost while it was rolled back has states only
            super().delete(name)
        for state in states:
            self._remove(snapshot_volume(name, state))

    def rename(self, name: str, vmid: int, wished: str = "") -> str:
        if states := self.snapshots(name):
            raise Conflict(f"volume '{self.storage.id}:{name}' has snapshots ({', '.join(states)}); delete them first")
        return super().rename(name, vmid, wished)

    # --- states

    def snapshot(self, name: str, snapshot: str) -> None:
        self._refuse_full()
        self.volume(name)
        self.run(snapshot_argv(self.vg, name, check_snapshot(snapshot)), timeout_s=SLOW_S)

    def rollback(self, name: str, snapshot: str) -> None:
        """A copy of the state takes the volume's place. After a crash at any step the same call completes it."""
        state, fresh = snapshot_volume(name, check_snapshot(snapshot)), f"rollback_{name}"
        present = self._present()
        if state not in present:
            raise NotFound(f"volume '{self.storage.id}:{name}' has no snapshot '{snapshot}'")
        if fresh in present:
            self._remove(fresh)
        self.run(clone_argv(self.vg, state, fresh), timeout_s=SLOW_S)
        if name in present:
            self._remove(name)
        self.run(rename_argv(self.vg, fresh, name), timeout_s=SLOW_S)

    def blocking(self, name: str, snapshot: str) -> list[str]:
        self.parse(name)
        return []

    def delete_snapshot(self, name: str, snapshot: str) -> None:
        state = snapshot_volume(name, check_snapshot(snapshot))
        if state in self._present():
            self._remove(state)

    def snapshots(self, name: str) -> list[str]:
        self.parse(name)
        prefix = snapshot_volume(name, "")
        states = [lv for lv in self._logical_volumes() if lv.name.startswith(prefix)]
        return [lv.name.removeprefix(prefix) for lv in sorted(states, key=lambda lv: lv.ctime_s or 0)]

    def snapshot_path(self, name: str, snapshot: str) -> str:
        self.parse(name)
        return f"/dev/{self.vg}/{snapshot_volume(name, check_snapshot(snapshot))}"

    def activate_snapshot(self, name: str, snapshot: str) -> None:
        self.run(activate_argv(self.vg, snapshot_volume(name, check_snapshot(snapshot)), True), timeout_s=SLOW_S)

    def deactivate_snapshot(self, name: str, snapshot: str) -> None:
        self.run(activate_argv(self.vg, snapshot_volume(name, check_snapshot(snapshot)), False), timeout_s=SLOW_S)

    # --- bases

    def make_base(self, name: str) -> str:
        self.volume(name)
        if self.parse(name).is_base:
            raise Conflict(f"volume '{self.storage.id}:{name}' is a base already")
        new = base_name(name)
        self.run(rename_argv(self.vg, name, new), timeout_s=SLOW_S)
        self.run(read_only_argv(self.vg, new), timeout_s=SLOW_S)
        return new

    def clone(self, name: str, vmid: int, snapshot: str = "") -> str:
        self._refuse_full()
        self.volume(name)
        origin = snapshot_volume(name, check_snapshot(snapshot)) if snapshot else name
        new = self._new_name(vmid)
        self.run(clone_argv(self.vg, origin, new), timeout_s=SLOW_S)
        return new
