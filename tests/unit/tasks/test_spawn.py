"""Workers are forked, end with the right last line, and survive their daemon."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hostd.core.errors import HostError, NotFound, Unavailable
from hostd.tasks.archive import Archive
from hostd.tasks.client import DaemonTasks
from hostd.tasks.eventlog import Event
from hostd.tasks.log import progress, read_lines
from hostd.tasks.registry import Task
from hostd.tasks.scopes import NoScopes, Scopes
from hostd.tasks.spawn import Spawner
from hostd.tasks.upid import Upid


def good(_host: object, log: Any, *, text: str) -> None:
    log.info(text)


def warned(_host: object, log: Any) -> None:
    log.warn("careful")


def failing(_host: object, log: Any) -> None:
    raise HostError("the disk\nis full")


def buggy(_host: object, log: Any) -> None:
    raise ZeroDivisionError("oops")


def slow(_host: object, log: Any) -> None:
    log.info("started")
    time.sleep(60)


TASKS: dict[str, Callable[..., None]] = {
    "good": good,
    "warned": warned,
    "failing": failing,
    "buggy": buggy,
    "slow": slow,
}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    (tmp_path / "log").mkdir()
    return Archive(logs=str(tmp_path / "log"), running=str(tmp_path / "run"))


def make(archive: Archive, scopes: Scopes | None = None) -> Spawner:
    tasks = {k: Task(k, f) for k, f in TASKS.items()}
    spawner = Spawner("node1", tasks, archive, scopes or NoScopes(), lambda: None)
    spawner.adopt()
    return spawner


def finish(spawner: Spawner) -> None:
    for fd in list(spawner.watched):
        assert select.select([fd], [], [], 20)[0]
        spawner.reap(fd)


@pytest.mark.parametrize(
    ("type", "args", "status"),
    [
        ("good", {"text": "hello"}, "OK"),
        ("warned", {}, "WARNINGS: 1"),
        ("failing", {}, "the disk is full"),
        ("buggy", {}, "internal error: ZeroDivisionError: oops (the journal has the details)"),
    ],
)
def test_the_last_line_says_how_it_ended(archive: Archive, type: str, args: dict[str, object], status: str) -> None:
    spawner = make(archive)
    upid = spawner.spawn(type, "100", "root@pam", args)
    finish(spawner)
    entry = archive.status(upid)
    assert entry is not None
    assert entry.status == status
    assert [e.upid for e in archive.ended()] == [upid]
    assert archive.running() == []


def test_a_task_outlives_its_daemon(archive: Archive) -> None:
    first = make(archive)
    upid = first.spawn("slow", "", "root@pam", {})
    second = make(archive)
    assert [e.upid for e in archive.running()] == [upid]
    second.stop(str(upid))
    finish(second)
    assert [e.status for e in archive.ended()] == ["interrupted by signal"]


class NotedScopes(NoScopes):
    def __init__(self) -> None:
        self.opened: list[str] = []
        self.ended: list[str] = []

    def open(self, name: str, pid: int, description: str) -> None:
        self.opened.append(name)

    def end(self, name: str) -> None:
        self.ended.append(name)


def test_a_killed_worker_is_an_error(archive: Archive) -> None:
    """What it had started ends as well; a worker that ended by itself has nothing left."""
    scopes = NotedScopes()
    spawner = make(archive, scopes)
    spawner.spawn("good", "", "root@pam", {"text": "x"})
    finish(spawner)
    upid = spawner.spawn("slow", "", "root@pam", {})
    os.kill(upid.pid, 9)
    finish(spawner)
    assert [e.status for e in archive.ended()] == ["unexpected status", "OK"]
    assert scopes.ended == scopes.opened[1:]


def test_what_ended_while_no_daemon_ran_is_recorded(archive: Archive) -> None:
    first = make(archive)
    upid = first.spawn("good", "", "root@pam", {"text": "x"})
    os.waitpid(upid.pid, 0)
    make(archive)
    assert [(e.upid, e.status) for e in archive.ended()] == [(upid, "OK")]


def test_the_clusters_log_is_told(archive: Archive) -> None:
    seen: list[Event] = []
    spawner = Spawner("node1", {"failing": Task("failing", failing)}, archive, NoScopes(), lambda: None, seen.append)
    spawner.adopt()
    upid = spawner.spawn("failing", "", "a@pve!t", {})
    finish(spawner)
    assert [(e.msg, e.pri, e.user) for e in seen] == [
        (f"starting task {upid}", 6, "a@pve!t"),
        (f"end task {upid}: the disk is full", 3, "a@pve!t"),
    ]


def test_how_far_a_task_is(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert progress(str(path)) is None
    path.write_text("start\n")
    assert progress(str(path)) is None
    path.write_text("x\n" * 5000 + "progress 3%\nprogress 40% of it\nother\n")
    assert progress(str(path)) == 0.4


def test_a_daemon_that_restarts_is_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / "sock")
    with pytest.raises(Unavailable):
        DaemonTasks(path, patience_s=0).stop("x")

    def late() -> None:
        time.sleep(0.3)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            client, _ = listener.accept()
            with client:
                client.makefile("rb").readline()
                client.sendall(b'{"stopped": true}\n')

    thread = threading.Thread(target=late)
    thread.start()
    DaemonTasks(path).stop("x")
    thread.join()


def test_unknown_types_are_refused(archive: Archive) -> None:
    with pytest.raises(NotFound):
        make(archive).spawn("nothing", "", "root@pam", {})


def test_logs_are_read_by_page(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("".join(f"line {n}\n" for n in range(1, 8)))
    assert read_lines(str(path), start=2, limit=3) == ([(3, "line 3"), (4, "line 4"), (5, "line 5")], 7)
    assert read_lines(str(tmp_path / "none"), start=0, limit=0) == ([(1, "no content")], 1)


def test_old_tasks_are_pruned_with_their_logs(archive: Archive) -> None:
    spawner = make(archive)
    upids = []
    for number in range(3):
        upids.append(spawner.spawn("good", str(number), "root@pam", {"text": "x"}))
        finish(spawner)
    assert archive.prune(keep=1) == 2
    assert [e.upid.id for e in archive.ended()] == ["2"]
    assert not os.path.exists(archive.log_path(upids[0]))


def test_names_of_logs_stay_in_their_folder() -> None:
    upid = Upid(node="a", pid=1, pstart=1, starttime=1, type="t", id="../../x", user="root@pam")
    assert ".." not in upid.file_name().split("/")
