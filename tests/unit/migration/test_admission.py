"""Who may say what to a node that takes machines: its certificate is pinned, a ticket or a move's token admits."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostd.access import keys, tickets
from hostd.cluster.store import MemoryStore
from hostd.core.errors import Conflict, Denied, HostError, NotFound, Unavailable
from hostd.daemons import incoming as daemon
from hostd.daemons.incoming import Greeting
from hostd.guests import handover
from hostd.guests.config import GuestKind
from hostd.migration import incoming, wire
from hostd.migration.outgoing import address_in
from hostd.migration.wire import Stream
from hostd.node.host import Host
from tests.fakes.run import FakeRun
from tests.lib.tlspeer import Authority, Keys

NOW_S = 1_700_000_000.0


class Site:
    """A cluster's tree as node b has it, and b's certificate."""

    def __init__(self) -> None:
        self.key = tickets.make_key()
        self.store = MemoryStore("b")
        authority = Authority()
        self.own, self.other = authority.node("b"), authority.node("b")
        self.store.write(keys.SIGNING, self.key)
        self.store.write(keys.VERIFYING, tickets.public_part(self.key))
        self.store.mkdir("nodes/b", parents=True)
        self.store.write("nodes/b/pve-ssl.pem", self.own.pem)
        self.host = Host(node="b", store=self.store, mirror=self.store.mirror(), run=FakeRun({}))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(handover, "FOLDER", str(tmp_path))
    monkeypatch.setattr(wire.time, "time", lambda: NOW_S)
    return Site()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A TCP connection's two ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname(), 10)
        far, _ = server.accept()
    far.settimeout(10)
    yield near, far
    near.close()
    far.close()


def serve(site: Site, far: socket.socket, shown: Keys, work: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Admit one connection in a thread; what came of it."""
    context = shown.context(work / "tls")
    monkeypatch.setattr(wire, "server_context", lambda node: context)
    found: list[Any] = []

    def run() -> None:
        try:
            peer, greeting = daemon.admitted(site.host, far)
            wire.send(peer, {"ok": {}})
            found.append((greeting, peer))
        except (HostError, OSError) as err:
            found.append(err)

    thread = threading.Thread(target=run)
    thread.start()
    found.append(thread)
    return found


def test_root_of_the_cluster_is_admitted_within_tls(
    site: Site, ends: tuple[socket.socket, socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = serve(site, ends[1], site.own, tmp_path, monkeypatch)
    peer = wire.secured(ends[0], site.store, "b")
    wire.greet(peer, site.store, Stream.CONTROL, 100, kind=GuestKind.LXC)
    found[0].join(10)
    assert found[1][0] == Greeting(stream=Stream.CONTROL, vmid=100, kind=GuestKind.LXC)
    assert isinstance(found[1][1], ssl.SSLSocket)
    peer.close()
    assert wire.receive(found[1][1]) is None
    found[1][1].close()


def test_another_certificate_ends_it_before_anything_is_said(
    site: Site, ends: tuple[socket.socket, socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = serve(site, ends[1], site.other, tmp_path, monkeypatch)
    with pytest.raises(Denied, match="does not show the certificate"):
        wire.secured(ends[0], site.store, "b")
    found[0].join(10)
    assert isinstance(found[1], Exception)


def said(site: Site, *, plain: bool = False, **more: object) -> tuple[Stream, int]:
    found = daemon._greeted(site.host, {"stream": "control", "vmid": 100, **more}, plain=plain)
    assert found.kind is GuestKind.QEMU, "what a source of an older version means, which does not say it"
    return found.stream, found.vmid


def test_tickets(site: Site) -> None:
    good = wire.ticket(site.store, NOW_S)
    assert said(site, ticket=good) == (Stream.CONTROL, 100)
    for wrong in (
        tickets.sign(site.key, "joe@pve", now_s=int(NOW_S)),
        tickets.sign(tickets.make_key(), "root@pam", now_s=int(NOW_S)),
        wire.ticket(site.store, NOW_S - 120),
        "nonsense",
    ):
        with pytest.raises(Denied, match="not admitted"):
            said(site, ticket=wrong)


def test_without_tls_only_streams_of_a_move_by_its_token(site: Site) -> None:
    good = wire.ticket(site.store, NOW_S)
    for stream in ("control", "libvirt"):
        with pytest.raises(Denied, match="within TLS"):
            said(site, plain=True, stream=stream, ticket=good, token="t")
    with pytest.raises(NotFound):
        said(site, plain=True, stream="memory", token="t")
    Path(incoming.session_path(100)).write_text(json.dumps({"token": "t"}))
    assert said(site, plain=True, stream="memory", token="t") == (Stream.MEMORY, 100)
    assert said(site, stream="disks", ticket=good) == (Stream.DISKS, 100)
    with pytest.raises(NotFound):
        said(site, plain=True, stream="memory", token="u")
    with pytest.raises(NotFound):
        said(site, plain=True, stream="memory", token="t", vmid=101)


def test_answers(ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    for answer, error, words in (
        (b'{"error": "no room"}\n', HostError, "no room"),
        (b"nonsense\n", HostError, "JSON"),
        (b"[1]\n", HostError, "no message"),
    ):
        far.sendall(answer)
        with pytest.raises(error, match=words):
            wire.ask(near, {"op": "x"})
    far.sendall(b'{"ok": {"a": 1}}\nthe stream')
    assert wire.ask(near, {"op": "x"}) == {"a": 1}
    assert near.recv(100) == b"the stream", "nothing behind the line was read"
    far.close()
    with pytest.raises(Unavailable):
        wire.ask(near, {"op": "x"})


def test_an_address_in_a_network() -> None:
    assert address_in(["10.0.0.2", "fd00::2", "10.9.0.2"], "10.9.0.0/24", "b") == "10.9.0.2"
    assert address_in(["10.0.0.2", "fd00::2"], "fd00::/64", "b") == "fd00::2"
    with pytest.raises(Conflict, match="no address in the migration network"):
        address_in(["10.0.0.2"], "10.9.0.0/24", "b")


def test_names_of_volumes_that_are_made() -> None:
    assert incoming.free_stem("vm-100-disk-3", 100, set()) == "vm-100-disk-3"
    assert incoming.free_stem("vm-100-disk-0", 100, {"vm-100-disk-0", "vm-100-disk-1"}) == "vm-100-disk-2"
    assert incoming.free_stem("base-9-disk-0", 100, set()) == "vm-100-disk-0"
    assert incoming.free_stem("vm-100-disk-3", 100, set(), "subvol") == "subvol-100-disk-0"


def test_a_device_is_written_past_the_hosts_cache() -> None:
    argv = incoming.nbd_argv("/dev/vg/vm-100-disk-0", "raw", "/s", "/p")
    assert argv[argv.index("--cache") + 1] == "none"
    assert "--cache" not in incoming.nbd_argv("/x.qcow2", "qcow2", "/s", "/p")
