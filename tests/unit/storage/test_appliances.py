"""Lists of templates: what counts in them, and that only signed ones are kept."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import IO

import pytest

from hostd.core.errors import Conflict, NotFound, ParseError
from hostd.storage import appliances
from hostd.storage.appliances import Server
from hostd.storage.download import Source
from tests.fakes.run import FakeRun

LIST = """Package: debian-13-standard
Version: 13.1-1
Type: lxc
Section: system
Location: system/debian-13-standard_13.1-1_amd64.tar.zst
sha512sum: abc
Description: Debian 13
 A small system.

Package: machine
Type: openvz
Location: x.tar.gz
sha512sum: abc

Package: unsafe
Section: system
Location: unsafe.tar.gz
md5sum: abc

Package: away
Section: mail
Location: https://other.example.org/away.tar.xz
sha512sum: def
"""
SERVER = Server(name="one", url="http://x.example.org/images/", index="aplinfo.dat", keyring="/etc/k.gpg")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    files = {
        "http://x.example.org/images/aplinfo.dat.gz": gzip.compress(LIST.encode()),
        "http://x.example.org/images/aplinfo.dat.asc": b"signature",
    }

    def open_it(self: Source, method: str) -> IO[bytes]:
        return io.BytesIO(files[self.url])

    monkeypatch.setattr(Source, "open", open_it)
    return files


def test_templates_of_a_list() -> None:
    mail, system = appliances.parse_list("one", SERVER.url, LIST)
    assert (mail.template, mail.url) == ("away.tar.xz", "https://other.example.org/away.tar.xz")
    assert system.url == "http://x.example.org/images/system/debian-13-standard_13.1-1_amd64.tar.zst"
    assert system.values["description"] == "Debian 13\nA small system."
    assert appliances.find("away.tar.xz", [mail, system]) is mail
    with pytest.raises(NotFound):
        appliances.find("unsafe.tar.gz", [mail, system])


def test_servers_are_named_in_files(tmp_path: Path) -> None:
    assert appliances.servers(f"{tmp_path}/no") == []
    (tmp_path / "one.conf").write_text(
        "# x\nurl: http://x.example.org/images\nindex: aplinfo.dat\nkeyring: /etc/k.gpg\n"
    )
    (tmp_path / "readme").write_text("x")
    assert appliances.servers(str(tmp_path)) == [SERVER]
    for text in ("url: http://x\nindex: i\n", "nonsense\n", "url: file:///x\nindex: i\nkeyring: k\n",
                 "url: http://x\nindex: ../i\nkeyring: k\n"):  # fmt: skip
        with pytest.raises(ParseError):
            appliances.parse_server("bad", text)


def test_a_signed_list_is_kept(tmp_path: Path, served: dict[str, bytes]) -> None:
    run = FakeRun()
    assert appliances.update(run, SERVER, folder=str(tmp_path)) == 2
    assert run.calls[0][:3] == ["sqv", "--keyring", "/etc/k.gpg"]
    assert {one.template for one in appliances.known([SERVER], str(tmp_path))} >= {"away.tar.xz"}
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "is not signed by a key of"),
        ({"http://x.example.org/images/aplinfo.dat.gz": b"plain"}, "not packed by gzip"),
        ({"http://x.example.org/images/aplinfo.dat.gz": gzip.compress(bytes(17 << 20))}, "unpacks to more than"),
    ],
)
def test_any_other_is_not(tmp_path: Path, served: dict[str, bytes], changed: dict[str, bytes], words: str) -> None:
    served |= changed
    with pytest.raises(Conflict, match=words):
        appliances.update(FakeRun({"sqv": 1}), SERVER, folder=str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert appliances.known([SERVER], str(tmp_path)) == []
