"""A folder: images as files, ISO images, templates, backups, snippets."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from typing import ClassVar, Final

from hostd.core.errors import Conflict, NotFound, ParseError, Unavailable, Unsupported
from hostd.core.formats.sections import SectionOption
from hostd.core.run import Run
from hostd.storage.drivers import qcow2
from hostd.storage.drivers.options import COMMON, FILES, PATH
from hostd.storage.interface import Info, StorageConfig, Usage, Volume, VolumeSpec
from hostd.storage.volume import (
    Content,
    VolumeName,
    archive_format,
    backup_time,
    check_disk_name,
    free_name,
    parse_file_name,
    safe_name,
)

_SUBDIRS: Final = {
    "images": "images",
    "rootdir": "private",
    "iso": "template/iso",
    "vztmpl": "template/cache",
    "backup": "dump",
    "snippets": "snippets",
    "import": "import",
}
_EMPTY_IMAGE_MODE = 0o640
_FOLDER_MODE = 0o755


def create_argv(path: str, format: str, size_bytes: int, preallocation: str) -> list[str]:
    """An image file; ``preallocation`` off, metadata, falloc or full as far as the format knows the word."""
    if format == "raw" and preallocation == "metadata":
        preallocation = "off"
    options = ["-o", f"preallocation={preallocation}"] if format in ("raw", "qcow2") else []
    return ["qemu-img", "create", "-q", "-f", format, *options, path, str(size_bytes)]


def content_path(storage: StorageConfig, content: str) -> str:
    """The folder of a content, with the storage's own choice of folders; ParseError for no such content."""
    chosen = dict(pair.split("=", 1) for pair in storage.text("content-dirs").split(",") if "=" in pair)
    if content not in _SUBDIRS:
        raise ParseError(f"storage '{storage.id}' has no folder for content '{content}'")
    return f"{storage.text('path')}/{chosen.get(content, _SUBDIRS[content])}"


class Dir:
    """Driver ``dir``."""

    info: ClassVar[Info] = Info(
        type="dir",
        content=frozenset(_SUBDIRS),
        default_content=frozenset(("images", "rootdir")),
        formats=("raw", "qcow2", "vmdk", "subvol"),
        container_format="raw",
        options={"path": SectionOption(kind=PATH, doc="The folder.", fixed=True, required=True), **COMMON, **FILES},
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
        parsed = self.parse(name)
        folder = content_path(self.storage, parsed.content)
        inside = name.split("/", 1)[1] if parsed.content is not Content.IMAGES else f"{parsed.vmid}/{parsed.name}"
        return f"{folder}/{inside}"

    def file_path(self, content: str, filename: str) -> str:
        return self.path(f"{content}/{filename}")

    def volumes(self, contents: Collection[str], vmid: int | None = None) -> list[Volume]:
        found = [v for name in self._names(contents, vmid) if (v := self._inspect(name)) is not None]
        return sorted(found, key=lambda v: v.name)

    def _names(self, contents: Collection[str], vmid: int | None) -> Iterator[str]:
        for content in sorted(set(contents) - {"rootdir", "images"}):
            for filename in (
                _listdir(content_path(self.storage, content)) if vmid is None or content == "backup" else ()
            ):
                yield f"{content}/{filename}"
        if {"images", "rootdir"} & set(contents):
            images = content_path(self.storage, "images")
            for owner in [str(vmid)] if vmid is not None else _listdir(images):
                for filename in _listdir(f"{images}/{owner}") if owner.isdecimal() else ():
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
        header = _header(path) if parsed.format == "qcow2" else None
        directory = parsed.format == "subvol"
        image = parsed.content is Content.IMAGES
        return Volume(
            name=self._with_base(name, header),
            content=parsed.content,
            format=_listed_format(parsed),
            size_bytes=0 if directory else header.size_bytes if header else stat.st_size,
            used_bytes=stat.st_blocks * 512 if image and not directory else 0,
            vmid=parsed.vmid,
            ctime_s=backup_time(parsed.name) or int(stat.st_ctime),
            parent=header.backing if header else "",
        )

    def _with_base(self, name: str, header: qcow2.Header | None) -> str:
        """A linked clone's name begins with its base's (``1/base-1-disk-0.qcow2/2/vm-2-disk-0.qcow2``)."""
        backing = header.backing.removeprefix("../") if header else ""
        whole = f"{backing}/{name}"
        with contextlib.suppress(ParseError):
            if backing.count("/") == 1 and parse_file_name(whole).base:
                return whole
        return name

    def create(self, spec: VolumeSpec) -> str:
        if spec.format not in self.info.formats:
            raise Unsupported(f"storage '{self.storage.id}' cannot hold format '{spec.format}'")
        folder = f"{content_path(self.storage, 'images')}/{spec.vmid}"
        suffix = f".{spec.format}"
        if spec.name:
            check_disk_name(spec.name, spec.vmid)
        wished = spec.name + ("" if not spec.name or spec.name.endswith(suffix) else suffix)
        filename = wished or free_name(spec.vmid, spec.format, _listdir(folder), suffix=True, subvols=True)
        name = f"{spec.vmid}/{filename}"
        path = self.path(name)
        if os.path.lexists(path):
            raise Conflict(f"volume '{self.storage.id}:{name}' already exists")
        make_folders(folder)
        if spec.format == "subvol":
            if spec.size_bytes:
                raise Unsupported(f"storage '{self.storage.id}' cannot limit the size of a folder; use size 0 or raw")
            os.mkdir(path, 0o755)
            return name
        try:
            preallocation = self.storage.text("preallocation", "metadata")
            self.run(create_argv(path, spec.format, spec.size_bytes, preallocation), timeout_s=600)
            os.chmod(path, _EMPTY_IMAGE_MODE)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        return name

    def delete(self, name: str) -> None:
        parsed, path = self.parse(name), self.path(name)
        if not os.path.lexists(path):
            raise NotFound(f"volume '{self.storage.id}:{name}' does not exist")
        if parsed.format == "subvol":
            shutil.rmtree(path)
        else:
            os.unlink(path)
        if parsed.content is Content.IMAGES:
            with contextlib.suppress(OSError):  # not empty: other disks of the guest
                os.rmdir(os.path.dirname(path))

    def activate_volume(self, name: str) -> None:
        if not os.path.exists(self.path(name)):
            raise NotFound(f"volume '{self.storage.id}:{name}' does not exist")

    def deactivate_volume(self, name: str) -> None:
        self.parse(name)


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


def _listdir(path: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(path) if safe_name(name) and not name.startswith("."))
    except OSError:
        return []


def _header(path: str) -> qcow2.Header | None:
    with contextlib.suppress(OSError, ParseError), open(path, "rb") as image:
        return qcow2.parse_header(image.read(qcow2.HEADER_BYTES))
    return None


def _listed_format(parsed: VolumeName) -> str:
    """What lists call the format: for files that are no images it is the kind of file."""
    if parsed.content is Content.ISO:
        return "iso"
    if parsed.content is Content.SNIPPETS:
        return "snippet"
    if parsed.content is Content.TEMPLATE:
        return "t" + parsed.name.rsplit(".tar.", 1)[-1] if ".tar." in parsed.name else "tar"
    if parsed.content is Content.BACKUP:
        return archive_format(parsed.name)
    return parsed.format
