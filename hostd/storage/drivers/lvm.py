"""A volume group: one logical volume for each disk, its whole size taken at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from hostd.core.errors import CommandFailed, Conflict, NotFound, ParseError, Unavailable, Unsupported
from hostd.core.formats.sections import SectionOption
from hostd.core.run import Run
from hostd.core.undo import Undo
from hostd.storage.drivers.abilities import every
from hostd.storage.drivers.options import COMMON, FLAG, TEXT, VG_NAME
from hostd.storage.interface import Info, StorageConfig, Usage, Volume, VolumeSpec
from hostd.storage.volume import Content, VolumeName, check_disk_name, free_name, parse_thick_name

_FORMAT: Final = ["--reportformat", "json", "--units", "b", "--nosuffix"]
_LV_FIELDS: Final = "vg_name,lv_name,lv_size,lv_attr,pool_lv,origin,data_percent,metadata_percent,lv_time"
_EPOCH: Final = ["--config", 'report{time_format="%s"}']
_SECTORS = 1024
SLOW_S = 120


def lvs_argv(vg: str) -> list[str]:
    return ["lvs", *_FORMAT, *_EPOCH, "-o", _LV_FIELDS, vg]


def vgs_argv(vg: str) -> list[str]:
    return ["vgs", *_FORMAT, "-o", "vg_name,vg_size,vg_free,vg_extent_size", vg]


def create_argv(vg: str, name: str, size_bytes: int) -> list[str]:
    """A plain volume; old signatures inside are wiped."""
    return ["lvcreate", "-aly", "--wipesignatures", "y", "--yes", "-L", f"{size_bytes}b", "-n", name, vg]


def stay_inactive_argv(vg: str, name: str) -> list[str]:
    """The volume is not activated at boot by itself. lvcreate(8) takes this option for plain volumes, but for thin
    ones says "unsupported with thins" (observed with 2.03.31), so it is set afterwards.
    """
    return ["lvchange", "--setautoactivation", "n", f"{vg}/{name}"]


def remove_argv(vg: str, name: str) -> list[str]:
    return ["lvremove", "-f", f"{vg}/{name}"]


def activate_argv(vg: str, name: str, active: bool) -> list[str]:
    """``-K`` takes thin snapshots and templates along, which are skipped otherwise."""
    return ["lvchange", "-aly" if active else "-aln", *(["-K"] if active else []), f"{vg}/{name}"]


def grow_argv(vg: str, name: str, size_bytes: int) -> list[str]:
    return ["lvextend", "-L", f"{size_bytes}b", f"{vg}/{name}"]


def rename_argv(vg: str, old: str, new: str) -> list[str]:
    return ["lvrename", vg, old, new]


@dataclass(frozen=True, kw_only=True)
class LogicalVolume:
    """``percent``: the fuller of a thin pool's data and metadata, 0 to 100; for a thin volume its used share."""

    name: str
    size_bytes: int
    attributes: str
    pool: str
    origin: str
    percent: float
    ctime_s: int | None


def parse_lvs(out: str) -> list[LogicalVolume]:
    """Parse ``lvs --reportformat json --units b --nosuffix``; sizes in bytes, time in epoch seconds.

    Source: lvs(8), lvmreport(7); tests/golden/lvs.json. Raises ParseError on another shape.
    """
    try:
        return [_volume(row) for report in json.loads(out)["report"] for row in report.get("lv", [])]
    except (ValueError, KeyError, TypeError) as err:
        raise ParseError(f"lvs: unexpected output: {err}") from err


def _volume(row: dict[str, Any]) -> LogicalVolume:
    return LogicalVolume(
        name=row["lv_name"].strip("[]"),
        size_bytes=int(row["lv_size"]),
        attributes=row["lv_attr"],
        pool=row["pool_lv"].strip("[]"),
        origin=row["origin"].strip("[]"),
        percent=max(float(row["data_percent"] or 0), float(row["metadata_percent"] or 0)),
        ctime_s=int(row["lv_time"]) if row["lv_time"].isdecimal() else None,
    )


def parse_vgs(out: str) -> Usage:
    """Parse ``vgs`` of one group. Raises ParseError when it is not there."""
    try:
        (row,) = [row for report in json.loads(out)["report"] for row in report["vg"]]
        total, free = int(row["vg_size"]), int(row["vg_free"])
    except (ValueError, KeyError, TypeError) as err:
        raise ParseError(f"vgs: unexpected output: {err}") from err
    return Usage(total_bytes=total, used_bytes=total - free, available_bytes=free)


def round_up(size_bytes: int) -> int:
    """LVM counts in sectors; it rounds to its extents itself."""
    return max(-(-size_bytes // _SECTORS) * _SECTORS, _SECTORS)


def disks(
    volumes: Iterable[LogicalVolume], parse: Callable[[str], VolumeName], pool: str, vmid: int | None
) -> list[Volume]:
    """The guests' disks among logical volumes: of one thin pool, or (empty) those outside any pool."""
    found = []
    for lv in volumes:
        try:
            parsed = parse(lv.name)
        except ParseError:
            continue
        if lv.pool == pool and (vmid is None or parsed.vmid == vmid):
            used = int(lv.size_bytes * lv.percent / 100) if pool else lv.size_bytes
            found.append(
                Volume(
                    name=lv.name,
                    content=Content.IMAGES,
                    format=parsed.format,
                    size_bytes=lv.size_bytes,
                    used_bytes=used,
                    vmid=parsed.vmid,
                    ctime_s=lv.ctime_s,
                    parent=lv.origin if lv.origin.startswith("base-") else "",
                )
            )
    return sorted(found, key=lambda v: v.name)


class Lvm:
    """Driver ``lvm``. ``lvmthin`` differs in where space comes from: ``pool`` and two methods."""

    info: ClassVar[Info] = Info(
        type="lvm",
        content=frozenset(("images", "rootdir")),
        default_content=frozenset(("images",)),
        formats=("raw",),
        container_format="raw",
        features=every(("raw",)),
        aio="native",  # io_uring has seen trouble on plain LVM
        options={
            "vgname": SectionOption(kind=VG_NAME, doc="Volume group.", fixed=True, required=True),
            "base": SectionOption(kind=TEXT, doc="Volume that the group was made on.", fixed=True),
            "shared": SectionOption(kind=FLAG, doc="All nodes see the same group."),
            "saferemove": SectionOption(kind=FLAG, doc="Overwrite a volume before it is removed."),
            "saferemove-stepsize": SectionOption(kind=TEXT, doc="Step of overwriting, MiB."),
            "saferemove_throughput": SectionOption(kind=TEXT, doc="Limit of overwriting."),
            "snapshot-as-volume-chain": SectionOption(kind=FLAG, doc="Snapshots as chains of volumes."),
            "tagged_only": SectionOption(kind=FLAG, doc="Only volumes tagged pve-vm-<id>."),
            **COMMON,
        },
    )
    pool = ""

    def __init__(self, storage: StorageConfig, run: Run) -> None:
        self.storage, self.run = storage, run
        self.vg = storage.text("vgname")

    def _logical_volumes(self) -> list[LogicalVolume]:
        try:
            return parse_lvs(self.run(lvs_argv(self.vg), timeout_s=SLOW_S).stdout)
        except CommandFailed as err:
            raise Unavailable(f"storage '{self.storage.id}' is offline: {err}") from err

    def activate(self) -> None:
        self.usage()

    def usage(self) -> Usage:
        try:
            return parse_vgs(self.run(vgs_argv(self.vg), timeout_s=SLOW_S).stdout)
        except CommandFailed as err:
            raise Unavailable(f"storage '{self.storage.id}' is offline: {err}") from err

    def parse(self, name: str) -> VolumeName:
        return parse_thick_name(name)

    def path(self, name: str) -> str:
        self.parse(name)
        return f"/dev/{self.vg}/{name}"

    def volumes(self, contents: Collection[str], vmid: int | None = None) -> list[Volume]:
        return (
            disks(self._logical_volumes(), self.parse, self.pool, vmid) if {"images", "rootdir"} & set(contents) else []
        )

    def volume(self, name: str) -> Volume:
        self.parse(name)
        found = next((v for v in disks(self._logical_volumes(), self.parse, self.pool, None) if v.name == name), None)
        if found is None:
            raise NotFound(f"volume '{self.storage.id}:{name}' does not exist")
        return found

    def create_argv(self, name: str, size_bytes: int) -> list[str]:
        return create_argv(self.vg, name, size_bytes)

    def create(self, spec: VolumeSpec) -> str:
        if spec.format != "raw":
            raise Unsupported(f"storage '{self.storage.id}' cannot hold format '{spec.format}'")
        name = self._new_name(spec.vmid, spec.name)
        with Undo() as undo:
            self.run(self.create_argv(name, round_up(spec.size_bytes)), timeout_s=SLOW_S)
            undo.add(self.run, remove_argv(self.vg, name), timeout_s=SLOW_S)
            self.run(stay_inactive_argv(self.vg, name))
            undo.keep()
        return name

    def _new_name(self, vmid: int, wished: str = "") -> str:
        if wished:
            check_disk_name(wished, vmid)
            self.parse(wished)
        taken = {lv.name for lv in self._logical_volumes()}
        name = wished or free_name(vmid, "raw", taken, suffix=False, subvols=False)
        if name in taken:
            raise Conflict(f"volume '{self.storage.id}:{name}' already exists")
        return name

    def resize(self, name: str, size_bytes: int) -> None:
        if round_up(size_bytes) > self.volume(name).size_bytes:  # lvextend calls an equal size an error
            self.run(grow_argv(self.vg, name, round_up(size_bytes)), timeout_s=SLOW_S)

    def rename(self, name: str, vmid: int, wished: str = "") -> str:
        self.volume(name)
        new = self._new_name(vmid, wished)
        self.run(rename_argv(self.vg, name, new), timeout_s=SLOW_S)
        return new

    def delete(self, name: str) -> None:
        self.volume(name)
        self.run(remove_argv(self.vg, name), timeout_s=SLOW_S)

    def activate_volume(self, name: str) -> None:
        self.parse(name)
        self.run(activate_argv(self.vg, name, True), timeout_s=SLOW_S)

    def deactivate_volume(self, name: str) -> None:
        self.parse(name)
        self.run(activate_argv(self.vg, name, False), timeout_s=SLOW_S)
