"""Asking to be admitted: what is a refusal, and what is asked again."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hostd.clustering import carry, change, tokens
from hostd.core.errors import Denied, HostError, Unavailable

YES = {"corosync_conf": "totem {\n}\n", "corosync_authkey": base64.b64encode(b"key").decode()}


class Cluster:
    """Answers the real question and the one with ``check``, in that order."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[Mapping[str, object]] = []

    def call(self, method: str, path: str, values: Mapping[str, object]) -> Any:
        assert (method, path) == ("POST", "/cluster/config/admission")
        self.asked.append(values)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    token, _ = tokens.make(["192.0.2.1"], ":".join(["AB"] * 32), by="root@pam", now_s=0, lifetime_s=1)
    wish = {"token": token.word(), "wish": {"node": "beta", "link0": "192.0.2.2"}}
    (tmp_path / "wish.json").write_text(json.dumps(wish))
    return tmp_path


def ask(folder: Path, cluster: Cluster) -> None:
    carry.be_admitted(lambda text: None, folder=folder, at=lambda token: cluster)  # type: ignore[arg-type, return-value]


def test_a_yes_is_kept(folder: Path) -> None:
    cluster = Cluster(YES)
    ask(folder, cluster)
    assert change.is_admitted(folder)
    assert (folder / "authkey").read_bytes() == b"key"
    assert {"node": "beta", "link0": "192.0.2.2"}.items() <= cluster.asked[0].items()


def test_a_wrong_token_is_a_refusal(folder: Path) -> None:
    with pytest.raises(carry.Refused, match="used by node"):
        ask(folder, Cluster(Denied("used by node 'gamma'")))


def test_what_stands_against_it_is_a_refusal(folder: Path) -> None:
    with pytest.raises(carry.Refused, match="already defined"):
        ask(folder, Cluster(HostError("already defined"), {"refused": ["already defined"]}))


@pytest.mark.parametrize(
    "answers",
    [
        (Unavailable("nobody answers"),),
        (HostError("outcome unknown"), {"refused": []}),
        (HostError("outcome unknown"), Unavailable("nobody answers")),
    ],
)
def test_an_outcome_that_is_unknown_is_asked_again(folder: Path, answers: tuple[Any, ...]) -> None:
    with pytest.raises(HostError) as caught:
        ask(folder, Cluster(*answers))
    assert not isinstance(caught.value, carry.Refused)
    assert not change.is_admitted(folder)


@pytest.mark.parametrize(
    ("text", "quorate"),
    [('{"cluster": {"quorate": 1}}', True), ('{"cluster": {"quorate": 0}}', False), ("{}", False), ("", False)],
)
def test_quorum_by_members(text: str, quorate: bool) -> None:
    assert carry.quorate(text) is quorate
