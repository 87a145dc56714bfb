"""Calls that are passed on to another node: a pretended one behind real TLS, and the real application as the other."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from hostd.access import tickets
from hostd.access.ids import ROOT
from hostd.api import peerhttp, peers, visible
from hostd.api.app import create_app
from hostd.api.errors import Busy
from hostd.api.identity import PEER_UID, Identity, RootVerdict
from hostd.api.peers import Peers
from hostd.api.slots import Slots
from hostd.cluster.standing import Member, Standing
from hostd.node.pins import pinned
from tests.lib.tlspeer import Asked, Authority, Keys, Said, Server
from tests.unit.api.conftest import NOW, Site

AUTHORITY = Authority()
BETA = AUTHORITY.node("beta")
OTHER = AUTHORITY.node("beta")  # of the same authority, for the same name; the tree does not have it
PATH = "/nodes/beta/tasks"


def joined(*, online: bool = True, addresses: tuple[str, ...] = ("127.0.0.1",)) -> Standing:
    own = Member("alpha", 1, "127.0.0.2", online=True)
    first, *others = addresses or ("",)
    beta = Member("beta", 2, first, online=online, others=tuple(others))
    return Standing(version=2, name="lab", config=2, quorate=True, members=(own, beta))


class Pair:
    """alpha, which is asked, and beta, whose answers a test gives."""

    def __init__(self, folder: Path, keys: Keys = BETA) -> None:
        self.answer: Callable[[Asked], Said] = lambda _asked: Said(body=b'{"data":[]}')
        self.server = Server(keys, folder, lambda asked: self.answer(asked))
        self.site = Site({})
        self.site.store.mkdir("nodes/beta")
        self.site.store.write("nodes/beta/pve-ssl.pem", BETA.pem)
        self.site.store.join(joined())
        self.peers = Peers(self.site.mirror, port=self.server.port)
        self.site.api._elsewhere = self.peers

    def get(self, path: str = PATH, **kw: Any) -> Any:
        return self.site.get(path, **kw)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.server.close()


def test_the_call_goes_on_as_it_came(pair: Pair) -> None:
    path = "/nodes/beta/storage/local/content/local%3Aiso%2Fa.iso?delay=1&x=%20"
    user_agent = {"User-Agent": "probe", "X-Forwarded-For": "1.2.3.4", "If-None-Match": '"x"'}
    pair.site.call("DELETE", path, headers=user_agent)
    (asked,) = pair.server.asked
    assert (asked.method, asked.path, asked.body) == ("DELETE", f"/api2/json{path}", b"")
    assert asked.headers["Cookie"].startswith("PVEAuthCookie=PVE:root@pam:")
    assert asked.headers["CSRFPreventionToken"]
    assert asked.headers["PVEDisableProxy"] == "true"
    assert (asked.headers["User-Agent"], asked.headers["If-None-Match"]) == ("probe", '"x"')
    assert "X-Forwarded-For" not in asked.headers


def test_bodies_go_on_in_their_own_form(pair: Pair) -> None:
    pair.site.call("POST", "/nodes/beta/qemu", data={"vmid": "100", "name": "a b"})
    pair.site.call("POST", "/nodes/beta/qemu", json={"vmid": 100})
    form, json = pair.server.asked
    assert (form.headers["Content-Type"], form.body) == ("application/x-www-form-urlencoded", b"vmid=100&name=a+b")
    assert (form.method, json.headers["Content-Type"]) == ("POST", "application/json")
    assert json.body == b'{"vmid": 100}'


def test_the_answer_comes_back_as_it_was_given(pair: Pair) -> None:
    headers = {
        "Content-Type": "text/plain", "ETag": '"1"', "Content-Disposition": 'attachment; filename="a"', "X-Secret": "1",
        visible.HEADER: "0",
    }  # fmt: skip
    pair.answer = lambda _: Said(status=500, reason="storage 'x' does not exist", body=b"why", headers=headers)
    answer = pair.get()
    assert (answer.status, answer.data) == ("500 storage 'x' does not exist", b"why")
    kept = {"Content-Type", "ETag", "Content-Disposition", visible.HEADER}
    assert {name: answer.headers[name] for name in kept} == {name: headers[name] for name in kept}
    assert "X-Secret" not in answer.headers
    pair.answer = lambda _: Said(status=304, reason="Not Modified", body=b"", headers={"ETag": '"1"'})
    assert pair.get().status == "304 Not Modified"


def test_a_long_answer_is_streamed_and_its_place_is_free_afterwards(pair: Pair) -> None:
    body = bytes(range(256)) * 8192
    pair.answer = lambda _: Said(body=body, headers={"Content-Type": "text/plain"})
    for _ in range(peers.PER_NODE + 1):
        with pair.get() as answer:
            assert answer.content_length == len(body)
            assert answer.data == body
    assert pair.server.connections == 1


def test_connections_are_used_again_but_not_one_that_the_node_has_ended(pair: Pair) -> None:
    for _ in range(5):
        assert pair.get().status_code == 200
    assert pair.server.connections == 1
    pair.answer = lambda asked: Said(drop=asked.connection == 1)
    assert pair.get().status_code == 200, "asked again on a new connection"
    assert pair.server.connections == 2
    pair.answer = lambda _: Said(drop=True)
    answer = pair.site.call("POST", "/nodes/beta/qemu", data={"vmid": "100"})
    assert answer.status.startswith("596 node 'beta' did not answer: RemoteDisconnected")
    assert len([a for a in pair.server.asked if a.method == "POST"]) == 1, "a change is never sent twice"


def test_an_answer_that_is_cut_off_is_an_error(pair: Pair) -> None:
    pair.answer = lambda _: Said(body=b"half", length=100)
    assert pair.get().status.startswith("596 node 'beta' did not answer: IncompleteRead")


def test_a_node_that_is_away_is_answered_for_at_once(pair: Pair) -> None:
    pair.site.store.join(joined(online=False))
    assert pair.get().status == "595 No route to host: node 'beta' is not part of the running cluster"
    assert pair.server.connections == 0
    pair.site.store.join(joined(addresses=()))
    assert pair.get().status_code == 595
    pair.site.store.join(None)
    assert pair.get().status == "500 no such cluster node 'beta'"
    assert pair.get("/nodes/gamma/tasks").status == "500 no such cluster node 'gamma'"


def test_where_nothing_listens_it_is_away_and_each_address_is_tried(pair: Pair, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    pair.site.api._elsewhere = Peers(pair.site.mirror, port=port)
    assert pair.get().status == f"595 Connection refused: node 'beta' at 127.0.0.1 port {port}"
    pair.site.api._elsewhere = pair.peers
    pair.site.store.join(joined(addresses=("127.0.0.9", "127.0.0.1")))
    assert pair.get().status_code == 200


def test_the_second_hop_is_refused_and_a_forged_mark_spoils_only_that_call(pair: Pair) -> None:
    mark = {"PVEDisableProxy": "true"}
    assert pair.get(headers=mark).status == "500 proxy loop detected"
    assert pair.server.connections == 0
    assert pair.get("/nodes/alpha/tasks", headers=mark).status_code == 200
    assert pair.get("/nodes/localhost/tasks", headers=mark).status_code == 200
    assert pair.get("/nodes/alpha/tasks", user="", headers=mark).status_code == 401


def test_who_calls_is_checked_before_anything_is_passed_on(pair: Pair) -> None:
    assert pair.get(user="").status_code == 401
    assert pair.get("/nodes/beta/status", user="joe@pve").status_code == 403
    assert pair.server.connections == 0


def test_only_a_certificate_of_the_tree_is_talked_to(tmp_path: Path) -> None:
    wrong = Pair(tmp_path, keys=OTHER)
    answer = wrong.get()
    assert answer.status.startswith("596 node 'beta' shows a certificate that is neither pve-ssl.pem nor")
    assert wrong.server.asked == [], "nothing was said to it"
    wrong.site.store.write("nodes/beta/pveproxy-ssl.pem", OTHER.pem)
    assert wrong.get().status_code == 200, "one that an administrator brought"
    wrong.site.store.delete("nodes/beta/pveproxy-ssl.pem")
    assert wrong.get().status_code == 596, "an open connection is not used any more"
    wrong.site.store.delete("nodes/beta/pve-ssl.pem")
    assert wrong.get().status_code == 596
    wrong.server.close()


def test_a_broken_file_pins_nothing(pair: Pair) -> None:
    pair.site.store.write("nodes/beta/pve-ssl.pem", b"no certificate")
    assert pinned(pair.site.mirror, "beta") == frozenset()
    assert pair.get().status_code == 596


def test_what_does_not_speak_tls_is_an_error(pair: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def serve() -> None:
            client, _ = plain.accept()
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            client.close()

        threading.Thread(target=serve, daemon=True).start()
        pair.site.api._elsewhere = Peers(pair.site.mirror, port=plain.getsockname()[1])
        assert pair.get().status.startswith("596 TLS with node 'beta' failed")


@dataclass
class Hanging:
    """A node that answers no call before it is told to."""

    go_on: threading.Event
    arrived: threading.Semaphore

    def ask(self, pair: Pair, found: list[str]) -> threading.Thread:
        """A call that has got there; its status comes into ``found``."""
        thread = threading.Thread(target=lambda: found.append(pair.get().status))
        thread.start()
        assert self.arrived.acquire(timeout=20)
        return thread


@pytest.fixture
def hanging(pair: Pair) -> Iterator[Hanging]:
    hanging = Hanging(threading.Event(), threading.Semaphore(0))

    def hang(_: Asked) -> Said:
        hanging.arrived.release()
        hanging.go_on.wait(60)
        return Said()

    pair.answer = hang
    yield hanging
    hanging.go_on.set()


def test_a_node_that_hangs_keeps_few_calls(pair: Pair, hanging: Hanging) -> None:
    found: list[str] = []
    threads = [hanging.ask(pair, found) for _ in range(peers.PER_NODE)]
    assert pair.get().status.startswith("503 8 calls to node 'beta' are under way")
    assert found == [], "refused without waiting"
    assert pair.get("/nodes/alpha/tasks").status_code == 200
    hanging.go_on.set()
    for thread in threads:
        thread.join(20)
    assert set(found) == {"200 OK"}


def test_after_a_time_out_a_node_gets_one_call(pair: Pair, hanging: Hanging, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as soon:
        soon.setattr(peerhttp, "TIMEOUT_S", 0.2)
        assert pair.get().status.startswith("596 Connection timed out")
    assert hanging.arrived.acquire(timeout=20)
    found: list[str] = []
    trial = hanging.ask(pair, found)
    assert pair.get().status.startswith("503 1 calls to node 'beta'")
    hanging.go_on.set()
    trial.join(20)
    assert found == ["200 OK"]
    assert pair.get().status_code == 200


def test_places_are_counted_by_node_and_in_all() -> None:
    slots = Slots(per_node=2, total=3)
    one, two = slots.take("a"), slots.take("a")
    with pytest.raises(Busy, match="2 calls to node 'a'"):
        slots.take("a")
    with slots.take("b"), pytest.raises(Busy, match="3 calls to other nodes"):
        slots.take("c")
    one.give()
    one.give()
    slots.timed_out("a")
    with pytest.raises(Busy, match="1 calls"):
        slots.take("a")
    slots.answered("a")
    slots.take("a")
    with pytest.raises(Busy):
        slots.take("a")
    two.give()


# --- the real application as the other node


def through(other: Site) -> Callable[[Asked], Said]:
    """beta as the application itself: what came over TLS is put to it."""

    def answer(asked: Asked) -> Said:
        headers = {name: value for name, value in asked.headers.items() if name != "Content-Length"}
        found = other.client.open(asked.path, method=asked.method, headers=headers, data=asked.body)
        status, _, reason = found.status.partition(" ")
        return Said(status=int(status), reason=reason, body=found.data, headers={"Content-Type": found.content_type})

    return answer


@pytest.fixture
def both(pair: Pair) -> tuple[Site, Site]:
    """The application on alpha and on beta, with the keys and users of one tree."""
    beta = Site({}, node="beta", key=pair.site.key)
    beta.store.join(joined())
    pair.answer = through(beta)
    return pair.site, beta


def test_a_ticket_is_good_on_every_node_and_the_permission_is_checked_there(both: tuple[Site, Site]) -> None:
    alpha, beta = both
    assert alpha.get(PATH).json == {"data": [], "total": 0}
    for site in both:
        site.store.write("user.cfg", b"user:joe@pve:1:\n")
    alpha.store.write("user.cfg", b"user:joe@pve:1:\nacl:1:/nodes:joe@pve:Administrator:\n")
    answer = alpha.get("/nodes/beta/dns", user="joe@pve")
    assert answer.status == "403 Permission check failed (/nodes/beta, Sys.Audit)"
    beta.store.write("user.cfg", b"user:joe@pve:0:\n")
    assert alpha.get(PATH, user="joe@pve").status_code == 401, "disabled there"


def test_a_change_needs_its_token_there_too(both: tuple[Site, Site]) -> None:
    alpha, beta = both
    beta.store.write("pve-www.key", b"another key")
    answer = alpha.call("DELETE", "/nodes/beta/tasks/UPID:beta:00000001:00000001:00000001:t::root@pam:")
    assert answer.status == "401 Permission denied - invalid csrf token"


def test_root_by_its_own_socket_gets_a_brief_ticket(pair: Pair) -> None:
    beta = Site({}, node="beta", key=pair.site.key)
    beta.store.join(joined())
    pair.answer = through(beta)
    site = pair.site
    login = site.api._services.credentials

    def credentials() -> dict[str, str]:
        return {"Cookie": f"PVEAuthCookie={login.brief_ticket(ROOT)}", "CSRFPreventionToken": login.csrf(ROOT)}

    site.api._elsewhere = Peers(site.mirror, port=pair.server.port, credentials=credentials)
    site.api._identify = Identity(
        site.mirror, site.api._services.authority, RootVerdict(site.store, site.mirror), clock=lambda: NOW,
        trust_root_peer=True,
    )  # fmt: skip
    client = Client(create_app(site.api), use_cookies=False)
    answer = client.get(f"/api2/json{PATH}", environ_overrides={PEER_UID: 0})
    assert answer.status_code == 200, answer.status
    sent = pair.server.asked[-1].headers["Cookie"].partition("=")[2]
    public = tickets.public_part(site.key)
    assert tickets.verify(public, sent, now_s=NOW + 300) == "root@pam"
    assert tickets.verify(public, sent, now_s=NOW - 0) == "root@pam"
    with pytest.raises(Exception, match="expired"):
        tickets.verify(public, sent, now_s=NOW + 301)
    asked = len(pair.server.asked)
    assert client.get(f"/api2/json{PATH}", environ_overrides={PEER_UID: 1000}).status_code == 401
    assert len(pair.server.asked) == asked
    joe = {"Cookie": f"PVEAuthCookie={site.ticket('joe@pve')}"}
    client.get(f"/api2/json{PATH}", headers=joe, environ_overrides={PEER_UID: 0})
    assert pair.server.asked[-1].headers["Cookie"] == joe["Cookie"], "whoever brings a ticket keeps it"
