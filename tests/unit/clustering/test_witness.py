"""pvecm qdevice: the order of what is asked and written, what is refused, what a cut-off run leaves to the next."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hostd.cluster.corosync import conf as model
from hostd.cluster.corosync import qdevice
from hostd.cluster.corosync.conf import ClusterConf, Node
from hostd.cluster.corosync.qdevice import Bundle
from hostd.cluster.memory import MemoryStore
from hostd.clustering import witness, witnesshost
from hostd.clustering.witness import Site
from hostd.clustering.witnesshost import Remote
from hostd.core.errors import CommandFailed, Conflict, HostError, Invalid, NotFound, TimedOut, Unavailable
from hostd.core.run import Result
from tests.fakes.run import FakeRun

HOST = "192.0.2.9"
AUTHORITY = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
CONNECTED = "Qdevice information\n-------------------\nModel:\t\t\tNet\nState:          \tConnected\n"


class Tools(FakeRun):
    """Tools that leave the files which they are asked for; a device that is connected."""

    def __init__(self) -> None:
        super().__init__({"corosync-qdevice-tool": CONNECTED})

    def __call__(self, argv, **options) -> Result:  # type: ignore[no-untyped-def,override]
        if "-o" in argv and argv[0] in ("certutil", "pk12util"):
            Path(argv[argv.index("-o") + 1]).write_bytes(argv[0].encode())
        return super().__call__(argv, **options)


@dataclass
class Host:
    """A witness with its authority; notes what it was asked. ``fail``: the program that fails there."""

    asked: list[list[str]] = field(default_factory=list)
    inputs: list[bytes] = field(default_factory=list)
    fail: str = ""

    def __call__(self, argv: Sequence[str], *, input: bytes | None = None) -> str:
        self.asked.append(list(argv))
        if input is not None:
            self.inputs.append(input)
        if argv[0] == self.fail:
            raise CommandFailed(argv, 1, "no")
        return {"cat": f"Certificate:\n  Data\n{AUTHORITY}", "base64": "c2lnbmVk\n"}.get(argv[0], "")


@dataclass
class World:
    site: Site
    host: Host
    said: list[str]

    def conf(self) -> ClusterConf:
        return ClusterConf.parse(self.site.store.read("corosync.conf").data.decode())

    def has_bundle(self) -> bool:
        return witness._exists(self.site.store)


def make(nodes: int = 2, *, online: int = 2) -> World:
    conf = model.create("lab", Node(name="n1", node_id=1, links={0: "192.0.2.1"}))
    for n in range(2, nodes + 1):
        conf = model.add_node(conf, Node(name=f"n{n}", node_id=n, links={0: f"192.0.2.{n}"}))
    store, host, said = MemoryStore(), Host(), []
    store.mkdir("priv", parents=True)
    store.write("corosync.conf", conf.format().encode())

    @contextlib.contextmanager
    def connect(_host: str) -> Iterator[Remote]:
        yield host

    site = Site(
        store=store,  # type: ignore[arg-type]
        run=Tools(),
        connect=connect,
        say=said.append,
        online=lambda: [f"n{n}" for n in range(1, online + 1)],
        reach=lambda _: None,
        live=lambda _: None,
        installed=lambda: Bundle.from_bytes(store.read(qdevice.PATH).data).digest,
    )
    return World(site, host, said)


def test_the_cluster_changes_when_all_is_at_hand() -> None:
    world = make()
    witness.set_up(world.site, HOST)
    bundle = Bundle.from_bytes(world.site.store.read(qdevice.PATH).data)
    assert bundle == Bundle(host=HOST, authority=AUTHORITY, identity=b"pk12util")
    assert world.conf().qdevice == model.QDevice(host=HOST, algorithm="ffsplit")
    assert [asked[0] for asked in world.host.asked] == [
        "systemctl", "cat", "install", "corosync-qnetd-certutil", "base64", "rm",
    ]  # fmt: skip
    assert world.host.inputs == [b"certutil"], "the request"
    assert world.host.asked[3][-2:] == ["-n", "lab"]


@pytest.mark.parametrize("fail", ["systemctl", "cat", "install", "corosync-qnetd-certutil", "base64"])
def test_what_fails_on_the_host_changes_nothing(fail: str) -> None:
    world = make()
    world.host.fail = fail
    before = world.conf()
    with pytest.raises(HostError):
        witness.set_up(world.site, HOST)
    assert world.conf() == before
    assert not world.has_bundle()
    if fail not in ("systemctl", "cat"):
        assert world.host.asked[-1][:2] == ["rm", "-f"], "the request does not stay there"


def test_a_port_that_is_shut_changes_nothing() -> None:
    world = make()

    def shut(_host: str) -> None:
        raise Unavailable("shut")

    with pytest.raises(Unavailable, match="shut"):
        witness.set_up(replace(world.site, reach=shut), HOST)
    assert not world.has_bundle()


class Killed(BaseException):
    pass


def test_a_cut_off_run_is_finished_by_the_next_one_or_undone() -> None:
    world = make()
    world.site.store.write(qdevice.PATH, Bundle(host="192.0.2.8", authority="", identity=b"").to_bytes())
    witness.set_up(world.site, HOST)
    version = world.conf().version
    witness.set_up(world.site, HOST)
    assert world.conf().version == version, "the configuration is as it should be"

    def killed(_version: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        witness.remove(replace(world.site, live=killed))
    assert world.conf().qdevice is None
    assert world.has_bundle()
    witness.remove(world.site)
    assert not world.has_bundle()
    with pytest.raises(NotFound, match="no QDevice"):
        witness.remove(world.site)


@pytest.mark.parametrize(
    ("nodes", "options", "error", "text"),
    [
        (3, {}, Conflict, "odd number of nodes"),
        (2, {"algorithm": "x"}, Invalid, "allowed are"),
        (2, {"network": "x"}, Invalid, "is needed"),
        (2, {"network": "198.51.100.0/24"}, Invalid, "none of the addresses"),
    ],
)
def test_refusals_come_before_the_log_in(
    nodes: int, options: dict[str, str], error: type[HostError], text: str
) -> None:
    world = make(nodes)
    with pytest.raises(error) as refused:
        witness.set_up(world.site, HOST, **options)  # type: ignore[arg-type]
    assert text in f"{refused.value} {getattr(refused.value, 'errors', '')}"
    assert world.host.asked == []


def test_an_odd_number_is_forced() -> None:
    world = make(3)
    witness.set_up(world.site, HOST, force=True)
    assert world.conf().qdevice == model.QDevice(host=HOST, algorithm="lms")


def test_another_witness_is_refused_until_the_first_is_gone() -> None:
    world = make()
    witness.set_up(world.site, HOST)
    with pytest.raises(Conflict, match="already; remove it first"):
        witness.set_up(world.site, "192.0.2.10")


def test_a_witness_that_is_needed_stays() -> None:
    world = make(2, online=1)
    witness.set_up(world.site, HOST)
    with pytest.raises(Conflict, match="1 of 2 votes"):
        witness.remove(world.site)
    assert world.conf().qdevice is not None


def test_the_vote_that_does_not_come_is_said() -> None:
    site = replace(make().site, installed=lambda: "new", run=FakeRun({"corosync-qdevice-tool": 1}))
    with pytest.raises(TimedOut, match="pvecm qdevice remove"):
        witness.wait_for_vote(site, "new", limit_s=0)
    with pytest.raises(TimedOut, match="not connected"):
        witness.wait_for_vote(replace(make().site, installed=lambda: "old"), "new", limit_s=0)


def test_status_by_name() -> None:
    text = (
        "Qdevice information\n-------------------\nModel:                  Net\nNode ID:                2\n"
        "Configured node list:\n    0   Node ID = 1\nLast poll call:         2026-01-02T03:04:05 (cast vote)\n\n"
        "QNetd host:             192.0.2.9:5403\nState:                  Connect failed\n"
    )
    assert witness.parse_status(text) == {
        "Model": "Net",
        "Node ID": "2",
        "Last poll call": "2026-01-02T03:04:05 (cast vote)",
        "QNetd host": "192.0.2.9:5403",
        "State": "Connect failed",
    }


def test_one_log_in_for_all_that_is_asked() -> None:
    run, attended = FakeRun({"ssh -o BatchMode=yes": "answer"}), []
    with witnesshost.by_ssh(run, attended.append, HOST) as remote:
        assert remote(["cat", "a file"]) == "answer"
    assert attended[0][:3] == ["ssh", "-f", "-N"]
    assert attended[0][-1] == f"root@{HOST}"
    assert run.calls[0][-1] == "cat 'a file'"
    assert run.calls[-1][:3] == ["ssh", "-O", "exit"]


def test_a_log_in_that_fails_is_said() -> None:
    def refuse(argv: Sequence[str]) -> None:
        raise CommandFailed(argv, 255, "")

    with pytest.raises(Unavailable, match="cannot log in to root@"), witnesshost.by_ssh(FakeRun(), refuse, HOST):
        raise AssertionError
