"""A witness on a node: what there is to do, in which order, and what a kill leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostd.cluster.corosync import conf as model
from hostd.cluster.corosync import qdevice
from hostd.cluster.corosync.conf import ClusterConf, Node
from hostd.cluster.corosync.qdevice import Bundle, Certificates, Follower, Step, steps
from hostd.core.errors import ParseError
from hostd.core.run import Result
from tests.fakes.run import FakeRun

BUNDLE = Bundle(host="192.0.2.9", authority="-----BEGIN CERTIFICATE-----\n", identity=b"\x00key")


def pair() -> ClusterConf:
    first = model.create("lab", Node(name="a", node_id=1, links={0: "192.0.2.1"}))
    return model.add_node(first, Node(name="b", node_id=2, links={0: "192.0.2.2"}))


@pytest.fixture
def witnessed() -> ClusterConf:
    return model.set_qdevice(pair(), BUNDLE.host)


def test_a_bundle_survives_the_tree() -> None:
    assert Bundle.from_bytes(BUNDLE.to_bytes()) == BUNDLE
    for data in (b"", b"{}", b"[]", b'{"host": "h", "authority": "a", "identity": "%"}'):
        with pytest.raises(ParseError, match="set it up again"):
            Bundle.from_bytes(data)


@pytest.mark.parametrize(
    ("installed", "wanted"),
    [
        (None, (Step.STOP, Step.INSTALL, Step.START)),
        ("another", (Step.STOP, Step.INSTALL, Step.START)),
        (BUNDLE.digest, (Step.START,)),
    ],
)
def test_a_node_takes_the_certificates_and_starts(
    witnessed: ClusterConf, installed: str | None, wanted: tuple[Step, ...]
) -> None:
    assert steps(witnessed, "a", BUNDLE, installed) == wanted


def test_what_others_set_up_is_left_alone(witnessed: ClusterConf) -> None:
    assert steps(witnessed, "a", None, None) == ()
    assert steps(witnessed, "a", Bundle(host="192.0.2.8", authority="", identity=b""), None) == ()
    assert steps(pair(), "a", None, None) == ()


def test_removal_undoes_what_was_done(witnessed: ClusterConf) -> None:
    undone = (Step.STOP, Step.REMOVE)
    assert steps(pair(), "a", None, BUNDLE.digest) == undone
    assert steps(pair(), "a", BUNDLE, BUNDLE.digest) == undone, "the certificates are removed from the tree last"
    assert steps(witnessed, "gone", BUNDLE, BUNDLE.digest) == undone


class Nss(FakeRun):
    """pk12util finds the key that it is to import."""

    def __call__(self, argv, **options) -> Result:  # type: ignore[no-untyped-def,override]
        if argv[0] == "pk12util":
            assert Path(argv[2]).read_bytes() == BUNDLE.identity
            assert Path(argv[2]).stat().st_mode & 0o777 == 0o600
        return super().__call__(argv, **options)


def test_offers_in_turn(witnessed: ClusterConf, tmp_path: Path) -> None:
    run = Nss()
    follower = Follower("a", run, tmp_path)
    follower.offer(witnessed.format().encode(), BUNDLE.to_bytes())
    place = tmp_path / "nssdb"
    assert [call[:2] for call in run.calls] == [
        ["systemctl", "disable"], ["certutil", "-N"], ["certutil", "-A"], ["pk12util", "-i"],
        ["systemctl", "add-wants"], ["systemctl", "is-active"], ["systemctl", "start"],
    ]  # fmt: skip
    assert sorted(p.name for p in place.iterdir()) == ["holdfast", "pwdfile.txt", "qnetd-cacert.crt"]
    assert place.stat().st_mode & 0o777 == 0o700
    run.calls.clear()
    follower.offer(witnessed.format().encode(), BUNDLE.to_bytes())
    assert ["systemctl", "disable", "--now", qdevice.UNIT] not in run.calls, "a second time it runs on"
    run.calls.clear()
    follower.offer(pair().format().encode(), None)
    assert run.calls == [["systemctl", "disable", "--now", qdevice.UNIT]]
    assert list(tmp_path.iterdir()) == []


def test_it_does_not_start_a_corosync_that_was_stopped(witnessed: ClusterConf, tmp_path: Path) -> None:
    run = Nss({"systemctl is-active": 3})
    Follower("a", run, tmp_path).offer(witnessed.format().encode(), BUNDLE.to_bytes())
    assert run.calls[-1][1] == "is-active"


def test_a_kill_leaves_no_key_and_somebody_elses_certificates_are_kept(tmp_path: Path) -> None:
    for name in ("nssdb.new", "nssdb.gone", "nssdb"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key4.db").write_bytes(b"key")
    certificates = Certificates(Nss(), tmp_path)
    certificates.tidy()
    assert [p.name for p in tmp_path.iterdir()] == ["nssdb"]
    assert certificates.installed() is None
    certificates.install(BUNDLE)
    assert (tmp_path / "nssdb.before" / "key4.db").exists()
    assert certificates.installed() == BUNDLE.digest
    certificates.install(BUNDLE)
    certificates.remove()
    assert [p.name for p in tmp_path.iterdir()] == ["nssdb.before"]


def test_a_failure_is_said_once(witnessed: ClusterConf, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    follower = Follower("a", FakeRun({"certutil": 255}), tmp_path)
    for _ in range(2):
        follower.offer(witnessed.format().encode(), BUNDLE.to_bytes())
    said = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 1
    assert said[0].startswith("the witness is not set up on this node: command 'certutil -N -d ")
