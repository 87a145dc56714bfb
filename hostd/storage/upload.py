"""Files that people bring: where an upload lands, under which name, and that it is what was promised."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Mapping
from io import BufferedReader
from typing import BinaryIO, Final

from hostd.core.errors import Conflict, HostError, Invalid, ParseError
from hostd.storage.catalog import Catalog
from hostd.storage.drivers.dir import make_folders
from hostd.storage.interface import Files

_CHUNK: Final = 1024 * 1024
_MAX_NAME: Final = 255
# The reference's algorithms, by the names its API uses.
CHECKSUMS: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_WHAT: Final[Mapping[str, str]] = {
    "iso": "wrong file extension: an image ends in .iso or .img",
    "vztmpl": "wrong file extension: a template ends in .tar, .tar.gz, .tar.xz, .tar.zst or .tar.bz2",
    "import": "wrong file extension: importable are .ova, .ovf, .qcow2, .raw and .vmdk",
    "snippets": "a name needs at least one letter, digit, '-', '_' or '.'",
}


def clean_filename(name: str) -> str:
    """The last part of a client's path, with anything but letters, digits, ``-``, ``_`` and ``.`` made ``_``."""
    last = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[^A-Za-z0-9_.-]", "_", last).lstrip(".")[:_MAX_NAME]


def target_path(catalog: Catalog, storage: str, content: str, filename: str) -> str:
    """Where the file will lie. Raises Invalid for a name its content cannot have, Conflict for a wrong storage."""
    if content not in _WHAT:
        raise Invalid({"content": f"upload of content '{content}' is not possible"})
    driver = catalog.require(storage, content)
    if not isinstance(driver, Files):
        raise Conflict(f"storage '{storage}' takes no files")
    try:
        return driver.file_path(content, clean_filename(filename))
    except ParseError as err:
        raise Invalid({"filename": _WHAT[content]}) from err


def place(source: str, target: str, *, algorithm: str = "", checksum: str = "") -> int:
    """Move an uploaded file to its place, replacing what was there; returns its size in bytes.

    The checksum (hex) is compared first; the target never shows a half file. The source is gone afterwards, whatever
    happened. It must be a plain file, not a link: the folder of uploads is writable by an unprivileged daemon.
    """
    temporary = f"{os.path.dirname(target)}/.{os.path.basename(target)}.part"
    try:
        with _open_plain(source) as file:
            size = os.fstat(file.fileno()).st_size
            if algorithm:
                _verify(file, algorithm, checksum)
            make_folders(os.path.dirname(target))
            with open(temporary, "wb") as copy:
                _copy(file, copy)
            os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    finally:
        for leftover in (source, temporary):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(leftover)
    return size


def _open_plain(path: str) -> BufferedReader:
    try:
        file = open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")  # noqa: SIM115 - returned
    except OSError as err:
        raise Conflict(f"cannot take '{path}': {err.strerror}") from err
    info = os.fstat(file.fileno())
    if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1:
        file.close()
        raise Conflict(f"cannot take '{path}': no plain file")
    return file


def _verify(file: BufferedReader, algorithm: str, checksum: str) -> None:
    if algorithm not in CHECKSUMS:
        raise Invalid({"checksum-algorithm": f"unknown algorithm '{algorithm}'"})
    found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != checksum.strip().lower():
        raise HostError(f"checksum mismatch: got '{found}' != expect '{checksum}'")
    file.seek(0)


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """By reflink or in the kernel where that is possible, and onto the disk before it is called done."""
    size = os.fstat(source.fileno()).st_size
    done = 0
    try:
        while done < size:
            moved = os.copy_file_range(source.fileno(), target.fileno(), min(size - done, 64 * _CHUNK))
            if not moved:
                break
            done += moved
    except OSError:
        source.seek(0)
        target.seek(0)
        shutil.copyfileobj(source, target, _CHUNK)
    target.flush()
    os.fsync(target.fileno())
