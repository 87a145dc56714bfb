"""Downloads from a real server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hostd.core.errors import Conflict, HostError, Unavailable, Unsupported
from hostd.core.run import run
from hostd.storage.download import Source, fetch, metadata

CONTENT = b"an image" * 1000


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path == "/short.iso":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
        elif self.path == "/chunks.iso":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"no length\r\n")
        elif self.path == "/noise.iso":
            self.wfile.write(b"\x00\x01 is not HTTP\r\n")
        else:
            super().do_GET()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "a b.iso").write_bytes(CONTENT)
    packed = gzip.compress(CONTENT)
    (folder / "a.iso.gz").write_bytes(packed)
    (folder / "broken.iso.gz").write_bytes(packed[:12] + b"\xff" * 20)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()


def test_what_a_server_says(server: str) -> None:
    found = metadata(Source(url=f"{server}/a%20b.iso"))
    assert (found.filename, found.size_bytes) == ("a_b.iso", len(CONTENT))
    with pytest.raises(Unavailable, match="404"):
        metadata(Source(url=f"{server}/none.iso"))


def test_a_file_appears_whole(server: str, tmp_path: Path) -> None:
    target = tmp_path / "store/a.iso"
    told: list[tuple[int, int]] = []
    digest = hashlib.sha256(CONTENT).hexdigest().upper()
    source = Source(url=f"{server}/a%20b.iso")
    fetch(source, str(target), run, algorithm="sha256", checksum=digest, progress=lambda d, t: told.append((d, t)))
    assert target.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    with pytest.raises(Conflict):
        fetch(source, str(target), run)
    assert [p.name for p in target.parent.iterdir()] == ["a.iso"]


@pytest.mark.parametrize(
    ("path", "options", "error"),
    [
        ("a%20b.iso", {"algorithm": "md5", "checksum": "00"}, HostError),
        ("a%20b.iso", {"compression": "gz"}, HostError),
        ("a%20b.iso", {"compression": "rar"}, Unsupported),
        ("broken.iso.gz", {"compression": "gz"}, HostError),
        ("short.iso", {}, Unavailable),
        ("chunks.iso", {}, Unavailable),
        ("noise.iso", {}, Unavailable),
        ("away", {}, Unavailable),
    ],
)
def test_failures_leave_nothing(
    server: str, tmp_path: Path, path: str, options: dict[str, str], error: type[Exception]
) -> None:
    target = tmp_path / "store/a.iso"
    with pytest.raises(error):
        fetch(Source(url=f"{server}/{path}"), str(target), run, **options)  # type: ignore[arg-type]
    assert list(target.parent.iterdir()) == []


def test_packed_files_are_unpacked(server: str, tmp_path: Path) -> None:
    target = tmp_path / "a.iso"
    fetch(Source(url=f"{server}/a.iso.gz"), str(target), run, compression="gz")
    assert target.read_bytes() == CONTENT


NO_ADDRESSES = [
    "http://\x1e\xbe>", "http://a b/", "http://[::1", "http://[::1]x/", "http://127.0.0.1:99999999/", "http://u:p:q@x:y/",
    "http://\xe9.invalid/\xe9", f"http://{'a' * 70}/", "http:///x", "http://.a./", "http://127.0.0.1:1/\xe9",
    "http://127.0.0.1:1/a b",
]  # fmt: skip


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(Unavailable, match=r"': \S"):
        metadata(Source(url=url))


def test_nothing_but_the_web(tmp_path: Path) -> None:
    for url in ("file:///etc/passwd", "ftp://127.0.0.1/x", "http://127.0.0.1:1/x"):
        with pytest.raises(Unavailable):
            metadata(Source(url=url))
