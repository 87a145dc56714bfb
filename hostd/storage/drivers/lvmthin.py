"""A thin pool in a volume group: disks take space as they are written."""

from __future__ import annotations

from typing import ClassVar

from hostd.core.errors import Unavailable
from hostd.core.formats.sections import SectionOption
from hostd.core.run import Run
from hostd.storage.drivers.lvm import Lvm
from hostd.storage.drivers.options import COMMON, VG_NAME
from hostd.storage.interface import Info, StorageConfig, Usage
from hostd.storage.volume import VolumeName, parse_block_name


def create_thin_argv(vg: str, pool: str, name: str, size_bytes: int) -> list[str]:
    """A thin volume of that virtual size."""
    wipe = ["--wipesignatures", "y", "--yes"]
    return ["lvcreate", "-aly", *wipe, "--virtualsize", f"{size_bytes}b", "-n", name, "--thinpool", f"{vg}/{pool}"]


class LvmThin(Lvm):
    """Driver ``lvmthin``."""

    info: ClassVar[Info] = Info(
        type="lvmthin",
        content=frozenset(("images", "rootdir")),
        default_content=frozenset(("images", "rootdir")),
        formats=("raw",),
        container_format="raw",
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
        pool = next(
            (lv for lv in self._logical_volumes() if lv.name == self.pool and lv.attributes.startswith("t")), None
        )
        if pool is None:
            raise Unavailable(f"storage '{self.storage.id}' is offline: no thin pool '{self.vg}/{self.pool}'")
        used = int(pool.size_bytes * pool.percent / 100)
        return Usage(total_bytes=pool.size_bytes, used_bytes=used, available_bytes=pool.size_bytes - used)

    def create_argv(self, name: str, size_bytes: int) -> list[str]:
        return create_thin_argv(self.vg, self.pool, name, size_bytes)
