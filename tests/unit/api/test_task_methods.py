"""Lists, logs and visibility of tasks through the application."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hostd.api.cluster import tasks as cluster_tasks
from hostd.api.nodes import tasks
from hostd.tasks.archive import Archive, process_start
from hostd.tasks.upid import Upid
from tests.unit.api.conftest import Site

Make = Callable[..., Upid]


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    made = Archive(logs=str(tmp_path / "log"), running=str(tmp_path / "run"))
    for module in (tasks, cluster_tasks):
        monkeypatch.setattr(module, "Archive", lambda: made)
    os.makedirs(made.running_folder)
    return made


@pytest.fixture
def make(archive: Archive) -> Make:
    def one(user: str = "root@pam", *, status: str = "OK", type: str = "qmstart", id: str = "100", at: int = 0) -> Upid:
        """An ended task; one of our own process, which still runs, where ``status`` is empty."""
        pid = os.getpid() if not status else 1
        pstart = process_start(pid) if not status else at + 1
        upid = Upid(node="alpha", pid=pid, pstart=pstart, starttime=1000 + at, type=type, id=id, user=user)
        path = archive.log_path(upid)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        last = {"OK": "TASK OK", "": "progress 7%"}.get(status, f"TASK {status}")
        Path(path).write_text(f"hello\n{last}\n")
        if status:
            archive.record_end(upid, now_s=2000 + at)
        else:
            Path(archive.status_path(upid)).touch()
        return upid

    return one


def listed(site: Site, query: str = "", **kw: Any) -> list[str]:
    answer = site.get(f"/nodes/alpha/tasks?{query}", **kw).json
    return [task["upid"] for task in answer["data"]]


def test_sources_and_filters(site: Site, make: Make) -> None:
    first = make(at=1)
    failed = make(at=2, status="ERROR: no", type="vzstart", id="101")
    warned = make(at=3, status="WARNINGS: 2", user="joe@pve")
    odd = make(at=4, status="x")
    running = make(status="")
    assert listed(site) == [str(u) for u in (odd, warned, failed, first)]
    assert listed(site, "source=all")[0] == str(running)
    active = site.get("/nodes/alpha/tasks?source=active").json["data"]
    assert [(t["upid"], t["status"]) for t in active] == [(str(running), "RUNNING")]
    assert listed(site, "errors=1&source=all") == [str(odd), str(failed)]
    assert listed(site, "statusfilter=warning,ok") == [str(warned), str(first)]
    assert listed(site, "statusfilter=unknown") == [str(odd)]
    assert listed(site, "vmid=101") == [str(failed)] == listed(site, "typefilter=vzstart")
    assert listed(site, "userfilter=E@P") == [str(warned)]
    assert listed(site, "since=1002&until=1003") == [str(warned), str(failed)]
    page = site.get("/nodes/alpha/tasks?start=1&limit=2").json
    assert ([t["upid"] for t in page["data"]], page["total"]) == ([str(warned), str(failed)], 4)


def test_who_sees_what(site: Site, make: Make) -> None:
    own, token, other = make("joe@pve", at=1), make("joe@pve!t", at=2), make("root@pam", at=3)
    assert listed(site, user="joe@pve") == [str(token), str(own)]
    assert listed(site, user="root@pam") == [str(other), str(token), str(own)]
    shown = site.get("/nodes/alpha/tasks", user="joe@pve").json["data"][0]
    assert (shown["user"], shown["tokenid"]) == ("joe@pve", "t")
    assert site.get(f"/nodes/alpha/tasks/{token}/status", user="joe@pve").status_code == 200
    assert site.get(f"/nodes/alpha/tasks/{other}/log", user="joe@pve").status_code == 403
    assert site.call("DELETE", f"/nodes/alpha/tasks/{other}", user="joe@pve").status_code == 403
    assert [t["upid"] for t in site.get("/cluster/tasks", user="joe@pve").json["data"]] == [str(token), str(own)]


def test_one_task(site: Site, make: Make) -> None:
    ended, running = make(at=5), make(status="")
    assert site.get(f"/nodes/alpha/tasks/{ended}/status").json["data"]["exitstatus"] == "OK"
    assert site.get(f"/nodes/alpha/tasks/{running}/status").json["data"]["progress"] == 0.07
    log = site.get(f"/nodes/alpha/tasks/{ended}/log?limit=1&start=1").json
    assert (log["data"], log["total"]) == ([{"n": 2, "t": "TASK OK"}], 2)
    saved = site.get(f"/nodes/alpha/tasks/{ended}/log?download=1")
    assert saved.data == b"hello\nTASK OK\n"
    assert "attachment" in saved.headers["Content-Disposition"]
    assert site.get(f"/nodes/alpha/tasks/{ended}/log?download=1&start=1").status_code == 400
    for wrong, text in (
        ("UPID:x", "unable to parse worker upid"),
        (str(ended).replace("qmstart", "x"), "no such task"),
    ):
        answer = site.get(f"/nodes/alpha/tasks/{wrong}/status")
        assert (answer.status_code, answer.json["errors"]["upid"]) == (400, text)
