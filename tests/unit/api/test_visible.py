"""A change is there for the next call, whichever process answers that, though copies of the store follow later."""

from __future__ import annotations

import threading
import time

import pytest
from werkzeug.wrappers import Request, Response

from hostd.api import visible
from hostd.cluster.fs.tree import Outcome
from tests.unit.api.conftest import Site

LATE_S = 0.1


def be_late(site: Site) -> None:
    """From now on its copy of the store shows a change only after LATE_S."""
    (take,) = site.store._listeners

    def later(outcome: Outcome) -> None:
        threading.Timer(LATE_S, take, [outcome]).start()

    site.store._listeners[:] = [later]


def test_a_client_reads_what_it_has_written() -> None:
    site = Site({})
    be_late(site)
    for comment in ("one", "two"):
        answer = site.call("PUT", "/cluster/options", data={"description": comment})
        assert answer.status_code == 200
        assert int(answer.headers[visible.HEADER]) == site.store.version()
        assert site.get("/cluster/options").json["data"]["description"].strip() == comment


def test_the_front_waits_for_what_the_root_process_has_done() -> None:
    site = Site({})
    be_late(site)

    def forward(_: Request) -> Response:
        version = site.store.write("datacenter.cfg", b"description: new\n").version
        return Response(b"{}", headers={visible.HEADER: str(version)})

    site.api._forward = forward
    site.call("PUT", "/cluster/options", data={"description": "new"})
    file = site.mirror.get("datacenter.cfg")
    assert file is not None
    assert b"new" in file.data


def test_an_answer_is_not_kept_back_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visible, "SEEN_S", 0.05)
    site = Site({})
    site.api._forward = lambda _: Response(b"{}", headers={visible.HEADER: "99999"})
    begun = time.monotonic()
    assert site.call("PUT", "/cluster/options", data={"description": "x"}).status_code == 200
    assert time.monotonic() - begun < 5


def test_reading_asks_the_store_nothing() -> None:
    site = Site({})
    assert visible.HEADER not in site.get("/cluster/options").headers
