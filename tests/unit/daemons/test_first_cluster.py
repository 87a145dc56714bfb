"""What a host does at its first boot with the wish of its answer file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hostd.clustering import change
from hostd.core.errors import CommandFailed, ParseError
from hostd.core.run import Result
from hostd.daemons import firstcluster

TOKEN = "hfj1.secret"


class Programs:
    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.calls: list[tuple[list[str], bytes]] = []

    def __call__(self, argv: list[str], *, input: bytes = b"", timeout_s: float = 0) -> Result:
        self.calls.append((argv, input))
        if self.code:
            raise CommandFailed(argv, self.code, "no node answers")
        return Result(argv=argv, code=0, stdout="done", stderr="")


@pytest.fixture(autouse=True)
def single(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change, "is_member", lambda: False)
    monkeypatch.setattr(change, "pending", lambda: None)


def wish(tmp_path: Path, **what: str) -> Path:
    place = tmp_path / "first-cluster.json"
    place.write_text(json.dumps(what))
    return place


def test_a_token_goes_by_standard_input_and_the_wish_is_gone(tmp_path: Path) -> None:
    place, programs = wish(tmp_path, join=TOKEN), Programs()
    firstcluster.fulfil(place, programs)  # type: ignore[arg-type]
    assert programs.calls == [(["pvecm", "join", "-"], f"{TOKEN}\n".encode())]
    assert not place.exists()


def test_a_new_cluster_is_begun(tmp_path: Path) -> None:
    programs = Programs()
    firstcluster.fulfil(wish(tmp_path, create="rack"), programs)  # type: ignore[arg-type]
    assert programs.calls == [(["pvecm", "create", "rack"], b"")]


def test_what_failed_is_kept_for_the_next_try(tmp_path: Path) -> None:
    place = wish(tmp_path, join=TOKEN)
    with pytest.raises(CommandFailed):
        firstcluster.fulfil(place, Programs(6))  # type: ignore[arg-type]
    assert place.exists()


def test_a_member_has_nothing_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change, "is_member", lambda: True)
    place, programs = wish(tmp_path, join=TOKEN), Programs()
    firstcluster.fulfil(place, programs)  # type: ignore[arg-type]
    assert not programs.calls
    assert not place.exists()


def test_an_odd_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="neither 'create' nor 'join'"):
        firstcluster.fulfil(wish(tmp_path, other="x"), Programs())  # type: ignore[arg-type]
