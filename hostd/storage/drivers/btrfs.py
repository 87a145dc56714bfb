"""A folder on btrfs: each disk is a subvolume of its own, so that snapshots and clones cost nothing.

A raw disk is ``images/100/vm-100-disk-0/disk.raw``, a container's root ``images/100/subvol-100-disk-0.subvol``; a
state of either lies beside it with ``@name`` at its end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from typing import ClassVar, Final

from hostd.core.errors import CommandFailed, Conflict, HostError, NotFound, ParseError, Unavailable, Unsupported
from hostd.core.formats.sections import SectionOption
from hostd.core.undo import Undo
from hostd.storage.drivers import image_files
from hostd.storage.drivers.abilities import LONG_S, SENT, check_snapshot, every
from hostd.storage.drivers.dir import IMAGE_MODE, Dir, list_folder
from hostd.storage.drivers.image_files import SLOW_S
from hostd.storage.drivers.options import COMMON, FILES, FLAG, LOCAL_FILES, PATH
from hostd.storage.interface import Info, State, Volume, VolumeSpec
from hostd.storage.listing import FileEntry, content_path, file_volume
from hostd.storage.volume import Content, VolumeName, base_name

_DISK: Final = "disk.raw"
_FORMATS: Final = ("raw", "subvol")
_LEFT_OUT: Final = ("bwlimit", "content-dirs")
# Beside a disk, as if they were states of it: what a rollback makes, and a folder into which states are received.
_FRESH: Final = ".rollback"
_INCOMING: Final = ".incoming"


def create_argv(path: str) -> list[str]:
    return ["btrfs", "subvolume", "create", "--", path]


def snapshot_argv(source: str, target: str, *, read_only: bool) -> list[str]:
    return ["btrfs", "subvolume", "snapshot", *(["-r"] if read_only else []), "--", source, target]


def delete_argv(path: str) -> list[str]:
    """On the disk before it returns, so that the space is not promised twice."""
    return ["btrfs", "subvolume", "delete", "--commit-each", "--", path]


def read_only_argv(path: str, value: bool) -> list[str]:
    """``-f``: a base may have come from another host by send and receive."""
    return ["btrfs", "property", "set", "-f", "-ts", path, "ro", "true" if value else "false"]


def send_argv(state: str, parent: str = "") -> list[str]:
    """A state to stdout, whole or as what differs from another one that the reader has (btrfs-send(8))."""
    return ["btrfs", "-q", "send", *(["-p", parent] if parent else []), "--", state]


def receive_argv(folder: str) -> list[str]:
    """All states that come by stdin, into a folder, under their own names (btrfs-receive(8))."""
    return ["btrfs", "-q", "receive", "--", folder]


def no_copy_argv(path: str) -> list[str]:
    """Files made in the folder from now on are written in place."""
    return ["chattr", "+C", "--", path]


def type_argv(path: str) -> list[str]:
    return ["stat", "-f", "--format=%T", "--", path]


class Btrfs(Dir):
    """Driver ``btrfs``. Images in other formats than raw are files as on a plain folder."""

    info: ClassVar[Info] = Info(
        type="btrfs",
        content=Dir.info.content,
        default_content=frozenset(("images", "rootdir")),
        formats=_FORMATS,
        container_format="raw",
        image_files=frozenset(("raw",)),
        features=every(
            _FORMATS,
            snapshot=_FORMATS,
            clone={State.BASE: _FORMATS, State.SNAPSHOT: _FORMATS, State.CURRENT: _FORMATS},
            copy_snapshots=_FORMATS,
            template=True,
        ),
        streams=dict.fromkeys(_FORMATS, "btrfs"),
        options={
            "path": SectionOption(kind=PATH, doc="The folder.", fixed=True, required=True),
            "nocow": SectionOption(kind=FLAG, doc="Write disks in place: faster, but without checksums."),
            **{k: o for k, o in {**COMMON, **FILES, **LOCAL_FILES}.items() if k not in _LEFT_OUT},
        },
    )

    def activate(self) -> None:
        super().activate()
        found = self.run(type_argv(self.root)).stdout.strip()
        if found != "btrfs":
            raise Unavailable(f"storage '{self.storage.id}' is offline: '{self.root}' is on {found}, not on btrfs")

    def parse(self, name: str) -> VolumeName:
        parsed = super().parse(name)
        if "@" in parsed.name and parsed.content is Content.IMAGES:  # a state, which no operation on volumes may touch
            raise ParseError(f"unable to parse btrfs volume name '{name}'")
        return parsed

    def subvolume(self, name: str) -> str:
        """The subvolume of a disk; Unsupported for images that are plain files."""
        parsed = self.parse(name)
        if parsed.content is not Content.IMAGES or parsed.format not in _FORMATS:
            raise Unsupported(f"volume '{self.storage.id}:{name}' is a file, not a subvolume")
        folder = f"{content_path(self.storage, 'images')}/{parsed.vmid}"
        return f"{folder}/{parsed.name.removesuffix('.raw')}"

    def path(self, name: str) -> str:
        parsed = self.parse(name)
        if parsed.content is Content.IMAGES and parsed.format == "raw":
            return f"{self.subvolume(name)}/{_DISK}"
        return super().path(name)

    def _names(self, contents: Collection[str], vmid: int | None) -> Iterator[str]:
        for name in super()._names(contents, vmid):
            subvolume = name[0].isdecimal() and not name.endswith((".raw", ".qcow2", ".vmdk", ".subvol"))
            if "@" not in name:
                yield f"{name}.raw" if subvolume else name

    def _inspect(self, name: str) -> Volume | None:
        """A subvolume whose disk was not made any more, because somebody was killed, is a volume too: of no size."""
        if (found := super()._inspect(name)) is not None:
            return found
        try:
            parsed, subvolume = self.parse(name), self.subvolume(name)
        except (ParseError, Unsupported):
            return None
        if parsed.format != "raw" or not os.path.isdir(subvolume):
            return None
        return file_volume(name, parsed, FileEntry(path=subvolume))

    def create(self, spec: VolumeSpec) -> str:
        if spec.format not in _FORMATS:
            raise Unsupported(f"storage '{self.storage.id}' cannot hold format '{spec.format}'")
        if spec.format == "subvol" and spec.size_bytes:
            raise Unsupported(f"storage '{self.storage.id}' cannot limit the size of a subvolume; use size 0 or raw")
        name, path = self._new(spec.vmid, spec.format, spec.name)
        subvolume = self.subvolume(name)
        with Undo() as undo:
            self.run(create_argv(subvolume), timeout_s=SLOW_S)
            undo.add(self.run, delete_argv(subvolume), timeout_s=SLOW_S)
            os.chmod(subvolume, 0o755)
            if spec.format == "raw":
                if self.storage.flag("nocow"):
                    self.run(no_copy_argv(subvolume))
                preallocation = self.storage.text("preallocation", "off")
                argv = image_files.create_argv(path, "raw", spec.size_bytes, preallocation)
                self.run(argv, timeout_s=SLOW_S)
                os.chmod(path, IMAGE_MODE)
            undo.keep()
        return name

    def delete(self, name: str) -> None:
        """The states of a disk go with it."""
        parsed = self.parse(name)
        if parsed.content is not Content.IMAGES or parsed.format not in _FORMATS:
            super().delete(name)
            return
        subvolume = self.subvolume(name)
        if not os.path.isdir(subvolume):
            raise NotFound(f"volume '{self.storage.id}:{name}' does not exist")
        self._drop_incoming(subvolume)
        for state in self.snapshots(name):
            self._remove(f"{subvolume}@{state}")
        self._remove(subvolume)
        with contextlib.suppress(OSError):  # not empty: other disks of the guest
            os.rmdir(os.path.dirname(subvolume))

    def _remove(self, path: str) -> None:
        """A folder that is no subvolume was put there by somebody: it is removed as such."""
        try:
            self.run(delete_argv(path), timeout_s=SLOW_S)
        except CommandFailed:
            if os.stat(path).st_ino == 256:  # the number of every subvolume's root
                raise
            shutil.rmtree(path)

    def rename(self, name: str, vmid: int, wished: str = "") -> str:
        if states := self.snapshots(name):
            raise Conflict(f"volume '{self.storage.id}:{name}' has snapshots ({', '.join(states)}); delete them first")
        parsed, old = self.parse(name), self.subvolume(name)
        new, _ = self._new(vmid, parsed.format, wished)
        os.rename(old, self.subvolume(new))
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(old))
        return new

    # --- states

    def snapshot(self, name: str, snapshot: str) -> None:
        self.volume(name)
        source = self.subvolume(name)
        target = f"{source}@{check_snapshot(snapshot)}"
        if os.path.lexists(target):
            raise Conflict(f"volume '{self.storage.id}:{name}' has a snapshot '{snapshot}' already")
        self.run(snapshot_argv(source, target, read_only=True), timeout_s=SLOW_S)

    def rollback(self, name: str, snapshot: str) -> None:
        """A copy of the state takes the disk's place. After a crash at any step the same call completes it."""
        subvolume = self.subvolume(name)
        state, fresh = f"{subvolume}@{check_snapshot(snapshot)}", f"{subvolume}@{_FRESH}"
        if not os.path.isdir(state):
            raise NotFound(f"volume '{self.storage.id}:{name}' has no snapshot '{snapshot}'")
        if os.path.isdir(fresh):
            self._remove(fresh)
        self.run(snapshot_argv(state, fresh, read_only=False), timeout_s=SLOW_S)
        if os.path.isdir(subvolume):
            self._remove(subvolume)
        os.rename(fresh, subvolume)

    def blocking(self, name: str, snapshot: str) -> list[str]:
        self.subvolume(name)
        return []

    def delete_snapshot(self, name: str, snapshot: str) -> None:
        state = f"{self.subvolume(name)}@{check_snapshot(snapshot)}"
        if os.path.isdir(state):
            self._remove(state)

    def snapshots(self, name: str) -> list[str]:
        folder, _, own = self.subvolume(name).rpartition("/")
        states = [n for n in list_folder(folder) if n.startswith(f"{own}@") and not n.startswith(f"{own}@.")]
        states.sort(key=lambda n: os.stat(f"{folder}/{n}").st_ctime_ns)
        return [n.partition("@")[2] for n in states]

    def snapshot_path(self, name: str, snapshot: str) -> str:
        state = f"{self.subvolume(name)}@{check_snapshot(snapshot)}"
        return f"{state}/{_DISK}" if self.parse(name).format == "raw" else state

    def activate_snapshot(self, name: str, snapshot: str) -> None:
        if not os.path.exists(self.snapshot_path(name, snapshot)):
            raise NotFound(f"volume '{self.storage.id}:{name}' has no snapshot '{snapshot}'")

    def deactivate_snapshot(self, name: str, snapshot: str) -> None:
        self.parse(name)

    def send(self, name: str, stream: int) -> None:
        """The oldest state whole, each later one as what differs from the one before it."""
        subvolume, before = self.subvolume(name), ""
        self.forget_sent(name)
        self.snapshot(name, SENT)
        try:
            for state in [*(s for s in self.snapshots(name) if s != SENT), SENT]:
                self.run(send_argv(f"{subvolume}@{state}", before), timeout_s=LONG_S, stdout=stream)
                before = f"{subvolume}@{state}"
        finally:
            self.forget_sent(name)

    def receive(self, name: str, stream: int) -> None:
        """States come under the names that they have at the sender, where the volume may be called otherwise."""
        subvolume = self.subvolume(name)
        incoming = f"{subvolume}@{_INCOMING}"
        self._drop_incoming(subvolume)
        os.mkdir(incoming, 0o700)
        self.run(receive_argv(incoming), timeout_s=LONG_S, stdin=stream)
        came = {path.rpartition("@")[2]: path for path in _inside(incoming)}
        if SENT not in came:
            raise HostError(f"volume '{self.storage.id}:{name}': what it holds now did not come")
        for state in [state for state in came if state != SENT]:
            target = f"{subvolume}@{check_snapshot(state)}"
            self.run(snapshot_argv(came[state], target, read_only=True), timeout_s=SLOW_S)
        self._remove(subvolume)
        self.run(snapshot_argv(came[SENT], subvolume, read_only=False), timeout_s=SLOW_S)
        self._drop_incoming(subvolume)

    def forget_sent(self, name: str) -> None:
        if self.parse(name).format in self.info.streams:
            self.delete_snapshot(name, SENT)

    def _drop_incoming(self, subvolume: str) -> None:
        incoming = f"{subvolume}@{_INCOMING}"
        if os.path.isdir(incoming):
            for path in _inside(incoming):
                self._remove(path)
            os.rmdir(incoming)

    # --- bases

    def make_base(self, name: str) -> str:
        volume, parsed, old = self.volume(name), self.parse(name), self.subvolume(name)
        if parsed.is_base:
            raise Conflict(f"volume '{self.storage.id}:{name}' is a base already")
        new = f"{volume.vmid}/{base_name(parsed.name)}"
        target = self.subvolume(new)
        if os.path.lexists(target):
            raise Conflict(f"'{target}' already exists")
        os.rename(old, target)
        self.run(read_only_argv(target, True))
        return new

    def clone(self, name: str, vmid: int, snapshot: str = "") -> str:
        """Independent of its base once it is made, so that its name does not tell the base."""
        parsed, source = self.parse(name), self.subvolume(name)
        self.volume(name)
        if snapshot:
            self.activate_snapshot(name, snapshot)
            source = f"{source}@{snapshot}"
        new, _ = self._new(vmid, parsed.format)
        self.run(snapshot_argv(source, self.subvolume(new), read_only=False), timeout_s=SLOW_S)
        return new


def _inside(folder: str) -> list[str]:
    """Paths of what lies in a folder."""
    return sorted(entry.path for entry in os.scandir(folder))
