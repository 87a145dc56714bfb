"""A folder: images as files, ISO images, templates, backups, snippets."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from typing import ClassVar, Final

from hostd.core import files
from hostd.core.errors import Conflict, NotFound, ParseError, Unavailable, Unsupported
from hostd.core.formats.sections import SectionOption
from hostd.core.run import Run
from hostd.storage import listing
from hostd.storage.archives import parse_archive
from hostd.storage.drivers import image_files, qcow2, vmdk
from hostd.storage.drivers.abilities import LONG_S, check_snapshot, every
from hostd.storage.drivers.image_files import SLOW_S
from hostd.storage.drivers.options import CHAIN, COMMON, FILES, LOCAL_FILES, PATH
from hostd.storage.interface import Info, State, StorageConfig, Usage, Volume, VolumeSpec
from hostd.storage.listing import SUBDIRS, FileEntry, content_path, file_volume
from hostd.storage.volume import (
    Content,
    VolumeName,
    base_name,
    check_disk_name,
    free_name,
    parse_file_name,
    safe_name,
)

_IMAGES: Final = ("raw", "qcow2", "vmdk")
FEATURES: Final = every(
    (*_IMAGES, "subvol"),
    snapshot=("qcow2",),
    clone={State.BASE: _IMAGES},
    copy_snapshots=("qcow2",),
    template=True,
)
# States lie inside of the image, which travels as the file that it is.
STREAMS: Final = {"qcow2": "qcow2"}
IMAGE_MODE = 0o640
_BASE_MODE = 0o444
_NOTES_SHOWN = 1024
_NOTES_MODE = 0o640
_FOLDER_MODE = 0o755


class Dir:
    """Driver ``dir``."""

    info: ClassVar[Info] = Info(
        type="dir",
        content=frozenset(SUBDIRS),
        default_content=frozenset(("images", "rootdir")),
        formats=("raw", "qcow2", "vmdk", "subvol"),
        container_format="raw",
        image_files=frozenset(_IMAGES),
        features=FEATURES,
        streams=STREAMS,
        options={
            "path": SectionOption(kind=PATH, doc="The folder.", fixed=True, required=True),
            "snapshot-as-volume-chain": CHAIN,
            **COMMON,
            **FILES,
            **LOCAL_FILES,
        },
    )

    def __init__(self, storage: StorageConfig, run: Run) -> None:
        self.storage, self.run = storage, run
        self.root = storage.text("path")

    def activate(self) -> None:
        make = self.storage.flag("mkdir", True)
        mount = self.storage.text("is_mountpoint", "no")
        if mount not in ("no", "0"):
            point = self.root if mount in ("yes", "1") else mount
            if not os.path.ismount(point):
                raise Unavailable(f"storage '{self.storage.id}' is offline: '{point}' is not mounted")
        if not os.path.isdir(self.root):
            if not self.storage.flag("create-base-path", make):
                raise Unavailable(f"storage '{self.storage.id}' is offline: folder '{self.root}' does not exist")
            make_folders(self.root)
        if self.storage.flag("create-subdirs", make):
            for content in set(self.storage.content) - {"rootdir"}:
                make_folders(content_path(self.storage, content))

    def usage(self) -> Usage:
        try:
            stat = os.statvfs(self.root)
        except OSError as err:
            raise Unavailable(f"storage '{self.storage.id}' is offline: {err.strerror}") from err
        return Usage(
            total_bytes=stat.f_blocks * stat.f_frsize,
            used_bytes=(stat.f_blocks - stat.f_bfree) * stat.f_frsize,
            available_bytes=stat.f_bavail * stat.f_frsize,
        )

    def parse(self, name: str) -> VolumeName:
        return parse_file_name(name)

    def path(self, name: str) -> str:
        return listing.file_path(self.storage, name)

    def file_path(self, content: str, filename: str) -> str:
        return self.path(f"{content}/{filename}")

    def volumes(self, contents: Collection[str], vmid: int | None = None) -> list[Volume]:
        found = [v for name in self._names(contents, vmid) if (v := self._inspect(name)) is not None]
        return sorted(found, key=lambda v: v.name)

    def _names(self, contents: Collection[str], vmid: int | None) -> Iterator[str]:
        for content in sorted(set(contents) - {"rootdir", "images"}):
            for filename in (
                list_folder(content_path(self.storage, content)) if vmid is None or content == "backup" else ()
            ):
                yield f"{content}/{filename}"
        if {"images", "rootdir"} & set(contents):
            images = content_path(self.storage, "images")
            for owner in [str(vmid)] if vmid is not None else list_folder(images):
                for filename in list_folder(f"{images}/{owner}") if owner.isdecimal() else ():
                    yield f"{owner}/{filename}"

    def volume(self, name: str) -> Volume:
        self.parse(name)
        found = self._inspect(name)
        if found is None:
            raise NotFound(f"volume '{self.storage.id}:{name}' does not exist")
        return found

    def _inspect(self, name: str) -> Volume | None:
        """The volume, or None where the name is no volume's or nothing is there."""
        try:
            parsed = self.parse(name)
            path = self.path(name)
            stat = os.stat(path)
        except (ParseError, OSError):
            return None
        header = _header(path, parsed.format) if parsed.format in ("qcow2", "vmdk") else None
        entry = FileEntry(
            path=path,
            size_bytes=header.size_bytes if header else stat.st_size,
            used_bytes=stat.st_blocks * 512,
            ctime_s=int(stat.st_ctime),
            backing=header.backing if header else "",
            directory=parsed.format == "subvol",
            notes=_first_line(f"{path}.notes") if parsed.content is Content.BACKUP else "",
            protected=parsed.content is Content.BACKUP and os.path.exists(f"{path}.protected"),
        )
        return file_volume(name, parsed, entry)

    def create(self, spec: VolumeSpec) -> str:
        if spec.format not in self.info.formats:
            raise Unsupported(f"storage '{self.storage.id}' cannot hold format '{spec.format}'")
        name, path = self._new(spec.vmid, spec.format, spec.name)
        if spec.format == "subvol":
            if spec.size_bytes:
                raise Unsupported(f"storage '{self.storage.id}' cannot limit the size of a folder; use size 0 or raw")
            os.mkdir(path, 0o755)
            return name
        try:
            preallocation = self.storage.text("preallocation", "metadata")
            self.run(image_files.create_argv(path, spec.format, spec.size_bytes, preallocation), timeout_s=SLOW_S)
            os.chmod(path, IMAGE_MODE)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        return name

    def _new(self, vmid: int, format: str, wished: str = "") -> tuple[str, str]:
        """Name and path of a volume to come, its folder made. Conflict when there is one of a wished name."""
        folder = f"{content_path(self.storage, 'images')}/{vmid}"
        suffix = f".{format}"
        if wished:
            check_disk_name(wished, vmid)
            filename = wished + ("" if wished.endswith(suffix) else suffix)
        else:
            filename = free_name(vmid, format, list_folder(folder), suffix=True, subvols=True)
        name = f"{vmid}/{filename}"
        path = self.path(name)
        if os.path.lexists(path):
            raise Conflict(f"volume '{self.storage.id}:{name}' already exists")
        make_folders(folder)
        return name, path

    def delete(self, name: str) -> None:
        parsed, path = self.parse(name), self.path(name)
        if not os.path.lexists(path):
            raise NotFound(f"volume '{self.storage.id}:{name}' does not exist")
        if os.path.exists(f"{path}.protected"):
            raise Conflict(f"volume '{self.storage.id}:{name}' is protected; remove the protection first")
        if parsed.content is Content.BACKUP:
            self._delete_beside(path)
        if parsed.format == "subvol":
            shutil.rmtree(path)
        else:
            os.unlink(path)
        if parsed.content is Content.IMAGES:
            with contextlib.suppress(OSError):  # not empty: other disks of the guest
                os.rmdir(os.path.dirname(path))

    def _delete_beside(self, path: str) -> None:
        """Notes and log of a backup."""
        with contextlib.suppress(ParseError):
            archive = parse_archive(path)
            for name in (archive.notes, archive.log):
                with contextlib.suppress(OSError):
                    os.unlink(f"{os.path.dirname(path)}/{name}")

    def set_notes(self, name: str, notes: str) -> None:
        path = f"{self._backup(name)}.notes"
        if notes:
            files.replace(path, notes.encode(), mode=_NOTES_MODE)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def notes(self, name: str) -> str:
        with contextlib.suppress(FileNotFoundError), open(f"{self._backup(name)}.notes", encoding="utf-8") as file:
            return file.read()
        return ""

    def protect(self, name: str, protected: bool) -> None:
        path = f"{self._backup(name)}.protected"
        if protected:
            files.replace(path, b"")
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _backup(self, name: str) -> str:
        """The path of a backup that is there; Unsupported for other contents."""
        if self.volume(name).content is not Content.BACKUP:
            raise Unsupported(f"volume '{self.storage.id}:{name}' is no backup, which alone has notes and protection")
        return self.path(name)

    def activate_volume(self, name: str) -> None:
        if not os.path.exists(self.path(name)):
            raise NotFound(f"volume '{self.storage.id}:{name}' does not exist")

    def deactivate_volume(self, name: str) -> None:
        self.parse(name)

    def resize(self, name: str, size_bytes: int) -> None:
        volume, path = self.volume(name), self.path(name)
        if volume.format not in ("raw", "qcow2"):
            raise Unsupported(f"volume '{self.storage.id}:{name}': a {volume.format} cannot be resized")
        self.run(image_files.resize_argv(path, volume.format, round_up(size_bytes)), timeout_s=SLOW_S)

    def rename(self, name: str, vmid: int, wished: str = "") -> str:
        parsed, old = self.parse(name), self.path(name)
        new, path = self._new(vmid, parsed.format, wished)
        _move(old, path)
        with contextlib.suppress(OSError):  # not empty: other disks of the guest
            os.rmdir(os.path.dirname(old))
        return f"{parsed.base_vmid}/{parsed.base}/{new}" if parsed.base else new

    # --- states inside of images

    def snapshot(self, name: str, snapshot: str) -> None:
        self.run(image_files.snapshot_argv(self._image(name), check_snapshot(snapshot)), timeout_s=SLOW_S)

    def rollback(self, name: str, snapshot: str) -> None:
        self.run(image_files.rollback_argv(self._image(name), check_snapshot(snapshot)), timeout_s=SLOW_S)

    def blocking(self, name: str, snapshot: str) -> list[str]:
        self._image(name)
        return []

    def delete_snapshot(self, name: str, snapshot: str) -> None:
        if check_snapshot(snapshot) in self.snapshots(name):
            self.run(image_files.delete_snapshot_argv(self._image(name), snapshot), timeout_s=SLOW_S)

    def snapshots(self, name: str) -> list[str]:
        if self.parse(name).format != "qcow2":
            return []
        return image_files.parse_snapshots(self.run(image_files.info_argv(self._image(name), "qcow2")).stdout)

    def snapshot_path(self, name: str, snapshot: str) -> str:
        raise Unsupported(f"snapshot '{snapshot}' of '{self.storage.id}:{name}' lies inside the image")

    def activate_snapshot(self, name: str, snapshot: str) -> None:
        self._image(name)

    def deactivate_snapshot(self, name: str, snapshot: str) -> None:
        self.parse(name)

    def send(self, name: str, stream: int) -> None:
        path = self._image(name)
        if self.parse(name).base:
            raise Unsupported(f"volume '{self.storage.id}:{name}' is a linked clone: it cannot travel with its states")
        self.run(image_files.pack_argv(path), timeout_s=LONG_S, stdout=stream)

    def receive(self, name: str, stream: int) -> None:
        path = self._image(name)
        self.run(image_files.unpack_argv(path), timeout_s=LONG_S, stdin=stream)
        os.chmod(path, IMAGE_MODE)
        self.run(["sync", path], timeout_s=SLOW_S)

    def forget_sent(self, name: str) -> None:
        self.parse(name)

    def _image(self, name: str) -> str:
        """The path of an image that can hold states; Unsupported for other formats, NotFound."""
        volume = self.volume(name)
        if volume.format != "qcow2":
            raise Unsupported(f"volume '{self.storage.id}:{name}': format '{volume.format}' cannot hold snapshots")
        return self.path(name)

    # --- bases

    def make_base(self, name: str) -> str:
        volume, parsed, old = self.volume(name), self.parse(name), self.path(name)
        if parsed.is_base:
            raise Conflict(f"volume '{self.storage.id}:{name}' is a base already")
        if parsed.base:
            raise Unsupported(f"volume '{self.storage.id}:{name}' is a linked clone, which cannot become a base")
        filename = base_name(parsed.name)
        new = f"{volume.vmid}/{filename}"
        _move(old, self.path(new))
        if parsed.format != "subvol":
            os.chmod(self.path(new), _BASE_MODE)
        return new

    def clone(self, name: str, vmid: int, snapshot: str = "") -> str:
        base = self.parse(name)
        if snapshot or not base.is_base or base.format not in self.info.image_files:
            raise Unsupported(f"volume '{self.storage.id}:{name}' cannot carry linked clones; only a base image can")
        self.volume(name)
        new, path = self._new(vmid, "qcow2")
        backing = f"../{base.vmid}/{base.name}"
        try:
            self.run(image_files.clone_argv(path, backing, base.format), timeout_s=SLOW_S, cwd=os.path.dirname(path))
            os.chmod(path, IMAGE_MODE)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        return f"{base.vmid}/{base.name}/{new}"


def round_up(size_bytes: int) -> int:
    """Images are whole sectors, whatever the format."""
    return -(-size_bytes // 512) * 512


def _move(old: str, new: str) -> None:
    """Rename, but never onto something that is there; Conflict."""
    if os.path.lexists(new):
        raise Conflict(f"'{new}' already exists")
    os.rename(old, new)


def make_folders(path: str) -> None:
    """Make missing folders so that QEMU's own user can pass through them, whatever the caller's umask is."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
            os.chmod(folder, _FOLDER_MODE)


def list_folder(path: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(path) if safe_name(name) and not name.startswith("."))
    except OSError:
        return []


def _header(path: str, format: str) -> qcow2.Header | None:
    """What an image tells of itself; None where it is not what its name says."""
    with contextlib.suppress(OSError, ParseError), open(path, "rb") as image:
        head = image.read(qcow2.HEADER_BYTES)
        return qcow2.parse_header(head) if format == "qcow2" else qcow2.Header(size_bytes=vmdk.parse_size(head))
    return None


def _first_line(path: str) -> str:
    """Notes of a backup as lists show them."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.readline(_NOTES_SHOWN).rstrip()
    return ""
