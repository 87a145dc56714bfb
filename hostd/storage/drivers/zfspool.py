"""A ZFS dataset: a volume (zvol) for each VM disk, a file system for each container root."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from hostd.core.errors import CommandFailed, Conflict, NotFound, ParseError, Unavailable, Unsupported
from hostd.core.formats.sections import SectionOption
from hostd.core.run import Run
from hostd.storage.drivers.abilities import LONG_S, SENT, check_snapshot, every
from hostd.storage.drivers.options import BLOCK_SIZE, COMMON, DATASET, FLAG, PATH
from hostd.storage.interface import Info, State, StorageConfig, Usage, Volume, VolumeSpec
from hostd.storage.volume import Content, VolumeName, base_name, check_disk_name, free_name, parse_dataset_name

_FIELDS: Final = "name,type,volsize,refquota,used,creation,origin,mounted"
_BLOCK_BYTES: Final = 16384
_MIB: Final = 1024**2
_SLOW_S = 120
# A volume stays open for a moment after its machine's end: udev looks at each one that was open for writing (observed).
_BUSY_S: Final = 20.0
_BUSY: Final = "dataset is busy"
_AGAIN_S: Final = 0.5
# What a linked clone stands on: a snapshot of its base.
_BASE_STATE: Final = "__base__"
_UNITS = {"": 1, "k": 1024, "m": 1024**2}


def list_argv(dataset: str) -> list[str]:
    return ["zfs", "list", "-Hp", "-d", "1", "-t", "filesystem,volume", "-o", _FIELDS, dataset]


def usage_argv(dataset: str) -> list[str]:
    return ["zfs", "get", "-Hp", "-o", "property,value", "used,available", dataset]


def create_volume_argv(dataset: str, name: str, size_bytes: int, *, block_bytes: int, sparse: bool) -> list[str]:
    thin = ["-s"] if sparse else []
    return ["zfs", "create", *thin, "-b", str(block_bytes), "-V", str(size_bytes), f"{dataset}/{name}"]


def create_filesystem_argv(dataset: str, name: str, size_bytes: int) -> list[str]:
    """A container's root: POSIX ACLs as inode attributes; ``size_bytes`` 0 means without limit."""
    limit = ["-o", f"refquota={size_bytes}"] if size_bytes else []
    return ["zfs", "create", "-o", "acltype=posixacl", "-o", "xattr=sa", *limit, f"{dataset}/{name}"]


def destroy_argv(dataset: str, name: str) -> list[str]:
    return ["zfs", "destroy", "-r", f"{dataset}/{name}"]


def import_argv(pool: str) -> list[str]:
    return ["zpool", "import", "-d", "/dev/disk/by-id", "-o", "cachefile=none", pool]


def settle_argv(path: str) -> list[str]:
    """Wait for udev to make the device's name."""
    return ["udevadm", "settle", "--timeout", "10", f"--exit-if-exists={path}"]


def states_argv(dataset: str, name: str) -> list[str]:
    """Snapshots by the order in which they were made; names only."""
    return ["zfs", "list", "-Hp", "-d", "1", "-t", "snapshot", "-s", "createtxg", "-o", "name", f"{dataset}/{name}"]


def snapshot_argv(dataset: str, name: str, snapshot: str) -> list[str]:
    return ["zfs", "snapshot", f"{dataset}/{name}@{snapshot}"]


def rollback_argv(dataset: str, name: str, snapshot: str) -> list[str]:
    """Without ``-r``: newer snapshots are never deleted unasked."""
    return ["zfs", "rollback", f"{dataset}/{name}@{snapshot}"]


def rename_argv(dataset: str, old: str, new: str) -> list[str]:
    return ["zfs", "rename", f"{dataset}/{old}", f"{dataset}/{new}"]


def clone_argv(dataset: str, origin: str, snapshot: str, name: str, limit_bytes: int) -> list[str]:
    """``limit_bytes``: the limit of a file system, which a clone does not inherit; 0 for none and for volumes."""
    limit = ["-o", f"refquota={limit_bytes}"] if limit_bytes else []
    return ["zfs", "clone", *limit, f"{dataset}/{origin}@{snapshot}", f"{dataset}/{name}"]


def send_argv(dataset: str, name: str, snapshot: str) -> list[str]:
    """Everything up to a state, all earlier ones and properties included, to stdout (zfs-send(8))."""
    return ["zfs", "send", "-R", f"{dataset}/{name}@{snapshot}"]


def receive_argv(dataset: str, name: str) -> list[str]:
    """stdin as a new volume or file system, which is not mounted yet (zfs-receive(8))."""
    return ["zfs", "receive", "-u", f"{dataset}/{name}"]


def set_argv(dataset: str, name: str, property: str, value: str) -> list[str]:
    return ["zfs", "set", f"{property}={value}", f"{dataset}/{name}"]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """``name`` in full. ``size_bytes``: of the volume, or the file system's limit (0: none)."""

    name: str
    type: str
    size_bytes: int
    used_bytes: int
    ctime_s: int | None
    origin: str
    mounted: bool


def parse_list(out: str) -> list[Dataset]:
    """Parse ``zfs list -Hp -o name,type,volsize,refquota,used,creation,origin,mounted``: tabs, bytes, ``-`` for none.

    Raises ParseError naming a line with another number of fields. Source: zfs-list(8); tests/golden/zfs-list.txt.
    """
    found = []
    for number, line in enumerate(out.splitlines(), 1):
        fields = line.split("\t")
        if len(fields) != 8:
            raise ParseError(f"zfs list: line {number}: expected 8 fields: {line!r}")
        name, kind, volsize, refquota, used, creation, origin, mounted = fields
        size = volsize if kind == "volume" else refquota
        found.append(
            Dataset(
                name=name,
                type=kind,
                size_bytes=_number(size),
                used_bytes=_number(used),
                ctime_s=_number(creation) or None,
                origin="" if origin == "-" else origin,
                mounted=mounted == "yes",
            )
        )
    return found


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def parse_usage(out: str) -> Usage:
    """Parse ``zfs get -Hp -o property,value used,available``."""
    values = dict(line.split("\t", 1) for line in out.splitlines() if "\t" in line)
    try:
        used, available = int(values["used"]), int(values["available"])
    except (KeyError, ValueError) as err:
        raise ParseError(f"zfs get: unexpected output: {out!r}") from err
    return Usage(total_bytes=used + available, used_bytes=used, available_bytes=available)


def parse_block_bytes(text: str) -> int:
    """``16k``, ``8192``, ``1M``; ParseError otherwise."""
    number, unit = text.rstrip("kKmM"), text[len(text.rstrip("kKmM")) :].lower()
    if not number.isdecimal() or unit not in _UNITS:
        raise ParseError(f"'{text}' is no block size")
    return int(number) * _UNITS[unit]


class ZfsPool:
    """Driver ``zfspool``."""

    info: ClassVar[Info] = Info(
        type="zfspool",
        content=frozenset(("images", "rootdir")),
        default_content=frozenset(("images", "rootdir")),
        formats=("raw", "subvol"),
        container_format="subvol",
        features=every(
            ("raw", "subvol"),
            snapshot=("raw", "subvol"),
            clone={State.BASE: ("raw", "subvol")},
            copy_snapshots=("raw", "subvol"),
            template=True,
        ),
        streams={"raw": "zfs", "subvol": "zfs"},
        options={
            "pool": SectionOption(kind=DATASET, doc="Pool or dataset.", fixed=True, required=True),
            "blocksize": SectionOption(kind=BLOCK_SIZE, doc="Block size of volumes, such as 16k."),
            "sparse": SectionOption(kind=FLAG, doc="Volumes take space as they are written."),
            "mountpoint": SectionOption(kind=PATH, doc="Where the dataset is mounted, if not at /<pool>."),
            **COMMON,
        },
    )

    def __init__(self, storage: StorageConfig, run: Run) -> None:
        self.storage, self.run = storage, run
        self.dataset = storage.text("pool")
        self.mountpoint = storage.text("mountpoint", f"/{self.dataset}")

    def _datasets(self) -> list[Dataset]:
        try:
            return parse_list(self.run(list_argv(self.dataset), timeout_s=_SLOW_S).stdout)
        except CommandFailed as err:
            raise Unavailable(f"storage '{self.storage.id}' is offline: {err}") from err

    def activate(self) -> None:
        if self.run(usage_argv(self.dataset), timeout_s=_SLOW_S, check=False).code == 0:
            return
        pool = self.dataset.split("/")[0]
        try:
            self.run(import_argv(pool), timeout_s=_SLOW_S)
        except CommandFailed as err:
            raise Unavailable(f"storage '{self.storage.id}' is offline: cannot import pool '{pool}': {err}") from err
        self.usage()

    def usage(self) -> Usage:
        try:
            return parse_usage(self.run(usage_argv(self.dataset), timeout_s=_SLOW_S).stdout)
        except CommandFailed as err:
            raise Unavailable(f"storage '{self.storage.id}' is offline: {err}") from err

    def parse(self, name: str) -> VolumeName:
        parsed = parse_dataset_name(name)
        if "@" in name:  # a snapshot, which no operation on volumes may touch
            raise ParseError(f"unable to parse zfs volume name '{name}'")
        return parsed

    def path(self, name: str) -> str:
        parsed = self.parse(name)
        if parsed.format == "subvol":
            return f"{self.mountpoint}/{parsed.name}"
        return f"/dev/zvol/{self.dataset}/{parsed.name}"

    def volumes(self, contents: Collection[str], vmid: int | None = None) -> list[Volume]:
        if not {"images", "rootdir"} & set(contents):
            return []
        found = [v for d in self._datasets() if (v := self._volume(d)) is not None and vmid in (None, v.vmid)]
        return sorted(found, key=lambda v: v.name)

    def _volume(self, dataset: Dataset) -> Volume | None:
        name = dataset.name.removeprefix(f"{self.dataset}/")
        origin = dataset.origin.removeprefix(f"{self.dataset}/").split("@")[0]
        if origin.startswith("base"):
            name = f"{origin}/{name}"
        try:
            parsed = self.parse(name)
        except ParseError:
            return None
        return Volume(
            name=name,
            content=Content.IMAGES,
            format=parsed.format,
            size_bytes=dataset.size_bytes,
            used_bytes=dataset.used_bytes,
            vmid=parsed.vmid,
            ctime_s=dataset.ctime_s,
            parent=dataset.origin.removeprefix(f"{self.dataset}/"),
        )

    def volume(self, name: str) -> Volume:
        own = self.parse(name).name
        for dataset in self._datasets():
            if dataset.name == f"{self.dataset}/{own}" and (volume := self._volume(dataset)) is not None:
                return volume
        raise NotFound(f"volume '{self.storage.id}:{name}' does not exist")

    def create(self, spec: VolumeSpec) -> str:
        if spec.format not in self.info.formats:
            raise Unsupported(f"storage '{self.storage.id}' cannot hold format '{spec.format}'")
        name = self._new_name(spec.vmid, spec.format, spec.name)
        if spec.format == "subvol":
            self.run(create_filesystem_argv(self.dataset, name, spec.size_bytes), timeout_s=_SLOW_S)
            return name
        block = parse_block_bytes(self.storage.text("blocksize", str(_BLOCK_BYTES)))
        size = _round_up(spec.size_bytes, block)
        sparse = self.storage.flag("sparse")
        self.run(create_volume_argv(self.dataset, name, size, block_bytes=block, sparse=sparse), timeout_s=_SLOW_S)
        self._wait_for_device(name)
        return name

    def _new_name(self, vmid: int, format: str, wished: str = "") -> str:
        if wished:
            check_disk_name(wished, vmid)
            if (self.parse(wished).format == "subvol") != (format == "subvol"):
                raise ParseError(f"illegal name '{wished}' for format '{format}'")
        taken = {d.name.removeprefix(f"{self.dataset}/") for d in self._datasets()}
        name = wished or free_name(vmid, format, taken, suffix=False, subvols=True)
        if name in taken:
            raise Conflict(f"volume '{self.storage.id}:{name}' already exists")
        return name

    def _wait_for_device(self, name: str) -> None:
        self.run(settle_argv(self.path(name)), timeout_s=30, check=False)

    def delete(self, name: str) -> None:
        volume = self.volume(name)
        self._destroy(destroy_argv(self.dataset, self.parse(volume.name).name))

    def _destroy(self, argv: Sequence[str]) -> None:
        """What is busy is tried again for a while: nobody else has it any more."""
        end_s = time.monotonic() + _BUSY_S
        while True:
            try:
                self.run(argv, timeout_s=_SLOW_S)
                return
            except CommandFailed as err:
                if _BUSY not in err.stderr or time.monotonic() >= end_s:
                    raise
            time.sleep(_AGAIN_S)

    def activate_volume(self, name: str) -> None:
        own = self.parse(name).name
        dataset = next((d for d in self._datasets() if d.name == f"{self.dataset}/{own}"), None)
        if dataset is None:
            raise NotFound(f"volume '{self.storage.id}:{name}' does not exist")
        if dataset.type == "volume":
            self._wait_for_device(name)
        elif not dataset.mounted:
            self.run(["zfs", "mount", dataset.name], timeout_s=_SLOW_S)

    def deactivate_volume(self, name: str) -> None:
        self.parse(name)

    def resize(self, name: str, size_bytes: int) -> None:
        own = self.parse(self.volume(name).name)
        if own.format == "subvol":
            argv = set_argv(self.dataset, own.name, "refquota", str(size_bytes))
        else:
            argv = set_argv(self.dataset, own.name, "volsize", str(_round_up(size_bytes, _MIB)))
        self.run(argv, timeout_s=_SLOW_S)

    def rename(self, name: str, vmid: int, wished: str = "") -> str:
        own = self.parse(self.volume(name).name)
        new = self._new_name(vmid, own.format, wished)
        self.run(rename_argv(self.dataset, own.name, new), timeout_s=_SLOW_S)
        return f"{own.base}/{new}" if own.base else new

    # --- states

    def snapshot(self, name: str, snapshot: str) -> None:
        self.run(snapshot_argv(self.dataset, self.parse(name).name, check_snapshot(snapshot)), timeout_s=_SLOW_S)

    def rollback(self, name: str, snapshot: str) -> None:
        if newer := self.blocking(name, snapshot):
            raise Conflict(
                f"cannot roll back '{self.storage.id}:{name}' to '{snapshot}': "
                f"newer snapshots are in the way ({', '.join(newer)}); delete them first"
            )
        self.run(rollback_argv(self.dataset, self.parse(name).name, snapshot), timeout_s=_SLOW_S)

    def blocking(self, name: str, snapshot: str) -> list[str]:
        states = self.snapshots(name)
        if check_snapshot(snapshot) not in states:
            raise NotFound(f"volume '{self.storage.id}:{name}' has no snapshot '{snapshot}'")
        return states[states.index(snapshot) + 1 :]

    def delete_snapshot(self, name: str, snapshot: str) -> None:
        if check_snapshot(snapshot) in self.snapshots(name):
            self._destroy(["zfs", "destroy", f"{self.dataset}/{self.parse(name).name}@{snapshot}"])

    def snapshots(self, name: str) -> list[str]:
        out = self.run(states_argv(self.dataset, self.parse(name).name), timeout_s=_SLOW_S).stdout
        return [line.rpartition("@")[2] for line in out.splitlines() if "@" in line]

    def snapshot_path(self, name: str, snapshot: str) -> str:
        path, check = self.path(name), check_snapshot(snapshot)
        return f"{path}/.zfs/snapshot/{check}" if self.parse(name).format == "subvol" else f"{path}@{check}"

    def activate_snapshot(self, name: str, snapshot: str) -> None:
        """Devices of a volume's states are there on demand only; a file system's states always."""
        own = self.parse(name)
        if own.format != "subvol":
            self.run(set_argv(self.dataset, own.name, "snapdev", "visible"), timeout_s=_SLOW_S)
            self.run(settle_argv(self.snapshot_path(name, snapshot)), timeout_s=30, check=False)

    def deactivate_snapshot(self, name: str, snapshot: str) -> None:
        own = self.parse(name)
        if own.format != "subvol":
            self.run(set_argv(self.dataset, own.name, "snapdev", "hidden"), timeout_s=_SLOW_S)

    def send(self, name: str, stream: int) -> None:
        own = self.parse(name)
        if own.base:
            raise Unsupported(f"volume '{self.storage.id}:{name}' is a linked clone: it cannot travel with its states")
        self.forget_sent(name)
        self.snapshot(name, SENT)
        try:
            self.run(send_argv(self.dataset, own.name, SENT), timeout_s=LONG_S, stdout=stream)
        finally:
            self.forget_sent(name)

    def receive(self, name: str, stream: int) -> None:
        """The empty volume has held the name; a whole one is taken only where there is none."""
        own = self.parse(name)
        self.delete(name)
        self.run(receive_argv(self.dataset, own.name), timeout_s=LONG_S, stdin=stream)
        self.forget_sent(name)
        if own.format != "subvol":
            self._wait_for_device(name)

    def forget_sent(self, name: str) -> None:
        self.delete_snapshot(name, SENT)

    # --- bases

    def make_base(self, name: str) -> str:
        """Renamed, and its contents kept as a snapshot for clones; a second call completes a first one that died."""
        own = self.parse(self.volume(name).name)
        if own.base:
            raise Unsupported(f"volume '{self.storage.id}:{name}' is a linked clone, which cannot become a base")
        new = own.name if own.is_base else base_name(own.name)
        if not own.is_base:
            self.run(rename_argv(self.dataset, own.name, new), timeout_s=_SLOW_S)
        if _BASE_STATE not in self.snapshots(new):
            self.run(snapshot_argv(self.dataset, new, _BASE_STATE), timeout_s=_SLOW_S)
        return new

    def clone(self, name: str, vmid: int, snapshot: str = "") -> str:
        volume = self.volume(name)
        own = self.parse(volume.name)
        if snapshot or not own.is_base:
            raise Unsupported(f"volume '{self.storage.id}:{name}' cannot carry linked clones; only a base can")
        new = self._new_name(vmid, own.format)
        limit = volume.size_bytes if own.format == "subvol" else 0
        self.run(clone_argv(self.dataset, own.name, _BASE_STATE, new, limit), timeout_s=_SLOW_S)
        if own.format != "subvol":
            self._wait_for_device(new)
        return f"{own.name}/{new}"


def _round_up(size_bytes: int, step_bytes: int) -> int:
    return -(-size_bytes // step_bytes) * step_bytes
