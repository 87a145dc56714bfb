"""Files from the web: what a server says about one, and fetching it into a storage.

The standard library's client, with nothing but HTTP and HTTPS: its default one would follow a redirection to ftp and
open files of the host.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import http.client
import os
import shutil
import ssl
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import IO, Final

from hostd.core.errors import Conflict, HostError, Invalid, Unavailable, Unsupported
from hostd.core.files import sync_folder
from hostd.core.run import Run
from hostd.storage.drivers.dir import make_folders
from hostd.storage.upload import CHECKSUMS, clean_filename

_CHUNK: Final = 1024 * 1024
_ANSWER_S: Final = 30.0
_UNPACK_S: Final = 3600.0
COMPRESSIONS: Final = ("bz2", "gz", "zst")
# Told how many bytes of how many (0: unknown) have come.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a file comes from. ``verify``: the server's certificate must be good; ``proxy`` as in datacenter.cfg."""

    url: str
    verify: bool = True
    proxy: str = ""

    def opener(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context()
        if not self.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        opener = urllib.request.OpenerDirector()
        proxies = {"http": self.proxy, "https": self.proxy} if self.proxy else {}
        for handler in (
            urllib.request.ProxyHandler(proxies),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.UnknownHandler(),
        ):
            opener.add_handler(handler)
        return opener

    def open(self, method: str) -> IO[bytes]:
        """The answer; Unavailable with what the server or the network said."""
        try:
            request = urllib.request.Request(self.url, method=method, headers={"User-Agent": "holdfast"})
            answer: IO[bytes] | None = self.opener().open(request, timeout=_ANSWER_S)
        except urllib.error.HTTPError as err:
            raise Unavailable(f"'{self.url}': the server answered {err.code} {err.reason}") from err
        except (OSError, ValueError, http.client.HTTPException) as err:
            raise Unavailable(f"'{self.url}': {_told(err)}") from err
        if answer is None:
            raise Unavailable(f"'{self.url}': no answer that is understood")
        return answer


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """``size_bytes`` None and ``mimetype`` empty: the server does not say."""

    filename: str
    size_bytes: int | None
    mimetype: str


def metadata(source: Source) -> Metadata:
    """What a server says about a file, which is not fetched."""
    with contextlib.closing(source.open("HEAD")) as answer:
        return describe(source.url, getattr(answer, "headers", Message()))


def describe(url: str, headers: Message) -> Metadata:
    """From the headers of an answer; the name from the URL where they tell none."""
    length = headers.get("Content-Length", "")
    last = urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2]
    return Metadata(
        filename=clean_filename(headers.get_filename() or last),
        size_bytes=int(length) if length.isdecimal() else None,
        mimetype=headers.get_content_type() if headers.get("Content-Type") else "",
    )


def fetch(
    source: Source,
    target: str,
    run: Run,
    *,
    algorithm: str = "",
    checksum: str = "",
    compression: str = "",
    progress: Progress = lambda done, total: None,
) -> int:
    """Fetch a file to a path that is still free; returns the bytes that came.

    It appears there whole, with a checked checksum, or not at all. ``compression``: unpack it (bz2, gz, zst).
    """
    if algorithm and algorithm not in CHECKSUMS:
        raise Invalid({"checksum-algorithm": f"unknown algorithm '{algorithm}'"})
    if os.path.lexists(target):
        raise Conflict(f"'{target}' already exists; remove it first, it is not replaced")
    folder, name = os.path.split(target)
    make_folders(folder)
    packed, whole = f"{folder}/.{name}.download", f"{folder}/.{name}.part"
    try:
        size, found = _receive(source, packed, algorithm, progress)
        if algorithm and found != checksum.strip().lower():
            raise HostError(f"checksum mismatch: got '{found}' != expect '{checksum}'")
        unpack(packed, whole, compression, run)
        os.chmod(whole, 0o644)
        os.rename(whole, target)
        sync_folder(folder)
    finally:
        for leftover in (packed, whole):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(leftover)
    return size


def _receive(source: Source, path: str, algorithm: str, progress: Progress) -> tuple[int, str]:
    """The bytes that came, and their checksum in hex (empty without an algorithm)."""
    digest = hashlib.new(algorithm) if algorithm else None
    done = 0
    with contextlib.closing(source.open("GET")) as answer, open(path, "wb") as file:
        expected = describe(source.url, getattr(answer, "headers", Message())).size_bytes
        while chunk := _read(source, answer):
            file.write(chunk)
            done += len(chunk)
            if digest:
                digest.update(chunk)
            progress(done, expected or 0)
        if expected is not None and done != expected:
            raise Unavailable(f"'{source.url}': the server broke off after {done} of {expected} bytes")
        file.flush()
        os.fsync(file.fileno())
    return done, digest.hexdigest() if digest else ""


def _read(source: Source, answer: IO[bytes]) -> bytes:
    try:
        return answer.read(_CHUNK)
    except (OSError, http.client.HTTPException) as err:
        raise Unavailable(f"'{source.url}': {_told(err)}") from err


def _told(err: Exception) -> str:
    """What went wrong, in one line; some of these errors have no text."""
    return str(getattr(err, "reason", None) or err) or type(err).__name__


def unpack(packed: str, whole: str, compression: str, run: Run) -> None:
    """Unpack a file; without compression it is only renamed. HostError for what is not packed like that."""
    if not compression:
        os.rename(packed, whole)
    elif compression == "zst":
        run(["zstd", "-q", "-d", "-f", "-o", whole, "--", packed], timeout_s=_UNPACK_S)
    elif compression in ("gz", "bz2"):
        open_packed = gzip.open if compression == "gz" else bz2.open
        try:
            with open_packed(packed, "rb") as source, open(whole, "wb") as target:
                shutil.copyfileobj(source, target, _CHUNK)
                target.flush()
                os.fsync(target.fileno())
        except (OSError, EOFError, zlib.error) as err:
            raise HostError(f"the file is not packed as {compression}: {err}") from err
    else:
        raise Unsupported(f"compression '{compression}' is not supported; supported: {', '.join(COMPRESSIONS)}")
