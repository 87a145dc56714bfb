"""Tasks that hand guests to the manager, and what the tree says about services."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostd.cluster.store import MemoryStore
from hostd.core.errors import HostError, NotFound
from hostd.ha import stored, tasks
from hostd.node.host import Host
from hostd.tasks.archive import Archive
from hostd.tasks.log import ListLog
from hostd.tasks.upid import Upid

MADE = "UPID:alpha:00000001:00000001:65000000:qmcreate:100:root@pam:"


@pytest.fixture
def host() -> Host:
    store = MemoryStore("alpha")
    store.mkdir("ha")
    for path in ("qemu-server/100", "lxc/101"):
        store.write(f"nodes/alpha/{path}.conf", b"memory: 1\n")
    store.write(stored.RESOURCES, b"vm: 100\n\tcomment kept\n\tstate stopped\n\n")
    return Host(node="alpha", store=store, mirror=store.mirror(), run=lambda *_, **__: None)  # type: ignore[arg-type]


def test_start_stop_and_move(host: Host) -> None:
    log = ListLog()
    tasks.start(host, log, sid="vm:100")
    tasks.stop(host, log, sid="vm:100", timeout_s=30)
    tasks.migrate(host, log, sid="vm:100", target="beta")
    assert host.store.read(stored.RESOURCES).data == b"vm: 100\n\tcomment kept\n\tstate started\n\n"
    assert stored.commands(host.mirror) == ["stop vm:100 30", "migrate vm:100 beta"]
    assert len(log.lines) == 3
    with pytest.raises(NotFound):
        tasks.start(host, log, sid="vm:999")


def archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: str) -> None:
    ended = Archive(str(tmp_path / "logs"), str(tmp_path / "running"))
    log = Path(ended.log_path(Upid.parse(MADE)))
    log.parent.mkdir(parents=True)
    log.write_text(f"{status}\n")
    monkeypatch.setattr(tasks, "Archive", lambda: ended)


def test_a_guest_is_added_once_it_is_made(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive(monkeypatch, tmp_path, "TASK OK")
    tasks.add(host, ListLog(), sid="ct:101", after=MADE, state="started")
    found = stored.resources(host.mirror)
    assert {sid: each.node for sid, each in found.items()} == {"ct:101": "alpha", "vm:100": "alpha"}


def test_one_that_was_not_made_is_not(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive(monkeypatch, tmp_path, "TASK ERROR: no space left")
    with pytest.raises(HostError, match="no space left"):
        tasks.add(host, ListLog(), sid="ct:101", after=MADE, state="started")
    assert list(stored.resources(host.mirror)) == ["vm:100"]


def test_a_service_whose_guest_is_of_the_other_kind_has_no_node(host: Host) -> None:
    host.store.write(stored.RESOURCES, b"vm: 101\n\nct: 100\n\nvm: 777\n\n")
    assert {sid: each.node for sid, each in stored.resources(host.mirror).items()} == {
        "ct:100": None, "vm:101": None, "vm:777": None
    }  # fmt: skip


def test_options(host: Host) -> None:
    assert stored.options(host.mirror).shutdown_policy == "conditional"
    crs = "ha=static,ha-rebalance-on-start=1,ha-auto-rebalance=1,ha-auto-rebalance-margin=25"
    host.store.write("datacenter.cfg", f"ha: shutdown_policy=migrate\ncrs: {crs}\n".encode())
    options = stored.options(host.mirror)
    assert (options.shutdown_policy, options.scheduler, options.rebalance_on_start) == ("migrate", "static", True)
    assert (options.auto_rebalance.enabled, options.auto_rebalance.margin) == (True, 0.25)
    assert options.auto_rebalance.threshold == 0.3
