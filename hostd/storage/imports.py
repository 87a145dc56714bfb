"""Machines in files: an OVF description beside its disks, or both together in an OVA archive (a tar)."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from typing import Final

from hostd.core.errors import NotFound, ParseError
from hostd.storage.drivers import qcow2, vmdk
from hostd.storage.ovf import Machine, parse_ovf

_DESCRIPTION_LIMIT: Final = 8 * 1024 * 1024
_CHUNK: Final = 1024 * 1024


def read_machine(path: str) -> Machine:
    """The machine in an ``.ova`` or ``.ovf`` file. Raises ParseError for what is none, NotFound for a missing disk."""
    if path.endswith(".ova"):
        with _archive(path) as archive:
            return _from_archive(archive, path)
    with open(path, encoding="utf-8", errors="replace") as file:
        return parse_ovf(file.read(_DESCRIPTION_LIMIT), os.path.dirname(path), lambda name: _size_beside(path, name))


def _from_archive(archive: tarfile.TarFile, path: str) -> Machine:
    description = next((m for m in archive if m.isreg() and m.name.endswith(".ovf")), None)
    if description is None or (file := archive.extractfile(description)) is None:
        raise ParseError(f"'{path}' holds no description (.ovf)")
    text = file.read(_DESCRIPTION_LIMIT).decode("utf-8", errors="replace")
    return parse_ovf(text, path, lambda name: _size_inside(archive, name))


@contextlib.contextmanager
def _archive(path: str) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as archive:
            yield archive
    except tarfile.TarError as err:
        raise ParseError(f"'{path}' is no OVA archive: {err}") from err


def _member(archive: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    with contextlib.suppress(KeyError):
        member = archive.getmember(name)
        if member.isreg():
            return member
    raise NotFound(f"the archive holds no file '{name}'")


def _size_inside(archive: tarfile.TarFile, name: str) -> int:
    member = _member(archive, name)
    file = archive.extractfile(member)
    return disk_size(file.read(qcow2.HEADER_BYTES) if file else b"", member.size)


def _size_beside(path: str, name: str) -> int:
    """Of a disk beside the description; a link that leads out of the folder is not followed."""
    folder = os.path.realpath(os.path.dirname(path))
    disk = os.path.realpath(os.path.join(folder, name))
    if not disk.startswith(f"{folder}/"):
        raise ParseError(f"file '{name}' is not beside the description")
    try:
        with open(disk, "rb") as file:
            return disk_size(file.read(qcow2.HEADER_BYTES), os.fstat(file.fileno()).st_size)
    except FileNotFoundError as err:
        raise NotFound(f"there is no file '{name}' beside the description") from err


def disk_size(head: bytes, file_bytes: int) -> int:
    """Bytes of the disk in an image of which these are the first; the file's own size where it is a raw one."""
    for parse in (vmdk.parse_size, lambda data: qcow2.parse_header(data).size_bytes):
        with contextlib.suppress(ParseError):
            return parse(head)
    return file_bytes


def extract(path: str, name: str, target: str) -> None:
    """Put one disk of an OVA archive into a file, which must not exist yet."""
    with _archive(path) as archive:
        source = archive.extractfile(_member(archive, name))
        if source is None:
            raise NotFound(f"the archive holds no file '{name}'")
        with open(target, "xb") as file:
            shutil.copyfileobj(source, file, _CHUNK)
            file.flush()
            os.fsync(file.fileno())


@contextlib.contextmanager
def extracted(path: str, name: str, folder: str = "") -> Iterator[str]:
    """One disk of an OVA archive as a file in ``folder``, else beside the archive, which is gone afterwards."""
    beside, archive = os.path.split(path)
    target = f"{folder or beside}/.{archive}.{secrets.token_hex(4)}{os.path.splitext(name)[1]}"
    try:
        extract(path, name, target)
        yield target
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target)
