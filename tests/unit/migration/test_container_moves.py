"""Moving containers: what is in the way, and that a file changes hands at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import Conflict, HostError, NotFound, Unsupported
from hostd.core.formats.keyvalue import LXC_PENDING, parse_guest
from hostd.migration import containers
from hostd.node.host import Host
from hostd.storage.config import parse_storage_cfg
from hostd.tasks.log import ListLog
from tests.fakes.containers import FakeEngine
from tests.fakes.run import FakeRun

STORAGES = (
    b"dir: here\n\tpath /a\n\ndir: all\n\tpath /b\n\tshared 1\n\n"
    b"dir: some\n\tpath /c\n\tshared 1\n\tnodes alpha,beta\n\n"
)


def report(text: str) -> containers.Report:
    file = parse_guest(text, pending=LXC_PENDING)
    return containers.report(100, file, parse_storage_cfg(STORAGES), ["beta", "gamma"])


def test_volumes_decide_where_it_can_go() -> None:
    found = report("rootfs: all:100/vm-100-disk-0.raw\nmp0: some:100/vm-100-disk-1.raw,mp=/x\n")
    assert found.allowed == ("beta",)
    assert found.unavailable["gamma"] == ("some",)
    containers.require_movable(found, 100, "beta", running=False)
    with pytest.raises(Conflict, match="'gamma' does not have storage some"):
        containers.require_movable(found, 100, "gamma", running=False)
    with pytest.raises(Conflict, match="'delta' is not there; it is running"):
        containers.require_movable(found, 100, "delta", running=True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("mp0: /srv,mp=/srv", "folders or devices of this node: mp0"),
        ("dev1: /dev/null", "dev1"),
        ("unused0: here:100/vm-100-disk-3.raw", "'here:100/vm-100-disk-3.raw'"),
        ("[old]\nrootfs: here:100/vm-100-disk-4.raw", "'here:100/vm-100-disk-4.raw'"),
    ],
)
def test_what_is_of_this_node_alone(line: str, words: str) -> None:
    found = report(f"rootfs: all:100/vm-100-disk-0.raw\n{line}\n")
    with pytest.raises((Conflict, Unsupported), match=words):
        containers.require_movable(found, 100, "beta", running=False)


def test_a_shared_folder_is_everywhere() -> None:
    assert report("rootfs: all:100/vm-100-disk-0.raw\nmp0: /srv,mp=/srv,shared=1\n").resources == ()


def test_the_file_changes_hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path))
    store = MemoryStore("alpha")
    store.write("storage.cfg", STORAGES)
    store.write("nodes/alpha/lxc/100.conf", b"rootfs: all:100/vm-100-disk-0.raw\n")
    store.mkdir("nodes/beta/lxc", parents=True)
    host = Host(node="alpha", store=store, mirror=store.mirror(), run=FakeRun())
    with pytest.raises(HostError):
        containers.move(host, ListLog(), 100, "beta", ["beta"], FakeEngine(up={100}))
    containers.move(host, ListLog(), 100, "beta", ["beta"], FakeEngine())
    assert store.read("nodes/beta/lxc/100.conf").data
    with pytest.raises(NotFound):
        store.read("nodes/alpha/lxc/100.conf")
