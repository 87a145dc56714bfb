"""Carrying a change out, step by step (``change.py`` says why each may be done twice)."""

from __future__ import annotations

import base64
import json
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from hostd.access import keys
from hostd.cluster import membership
from hostd.cluster.corosync import qdevice
from hostd.clustering import change, tokens
from hostd.clustering.change import FOLDER, Change, Kind
from hostd.clustering.remote import Remote
from hostd.clustering.tokens import JoinToken
from hostd.core.errors import Conflict, Denied, HostError, NotFound, TimedOut, Unavailable
from hostd.node import tls
from hostd.node.host import Host

log = logging.getLogger(__name__)
PROGRESS: Final = Path("/run/hostd/cluster-change.log")
"""What is being done, a line each, for the task that shows it; the last one says FAILED where it came to nothing."""
FAILED, WARNING = "FAILED: ", "WARNING: "
ADMISSION: Final = "/cluster/config/admission"
QUORUM_S: Final = 120.0
PAUSE_S: Final = 0.5
MEMBERS: Final = Path("/etc/pve/.members")
# Made anew, by the authority that is then there.
NOT_BROUGHT: Final = ("pve-ssl.pem", "pve-ssl.key", "lrm_status")
# Of a cluster that a host has left: who holds them can sign for it.
OF_THE_CLUSTER: Final = (
    membership.PATH, qdevice.PATH, tls.AUTHORITY, tls.AUTHORITY_KEY, keys.SIGNING, keys.VERIFYING, keys.PREVIOUS,
    keys.CSRF,
)  # fmt: skip

Say = Callable[[str], None]


def systemctl(host: Host, *words: str) -> None:
    host.run(["systemctl", *words], timeout_s=180)


def carry_out(host: Host, wanted: Change, say: Say) -> None:
    """Bring the change to its end. Raises HostError where it must be tried again."""
    match wanted.kind:
        case Kind.CREATE:
            _create(host, wanted, say)
        case Kind.JOIN:
            _join(host, wanted, say)
        case Kind.LEAVE:
            _leave(host, wanted, say)
    say("done")
    change.done()


def _create(host: Host, wanted: Change, say: Say) -> None:
    say("putting Corosync's key and configuration in place")
    change.use_corosync()
    _start_corosync(host, say)
    _wait_for_quorum(say)
    say("storing the cluster's configuration in /etc/pve/corosync.conf")
    text = (FOLDER / "corosync.conf").read_bytes()
    _write(host, membership.PATH, text, wanted.actor)


def _join(host: Host, wanted: Change, say: Say) -> None:
    if not change.is_admitted():
        be_admitted(say)
    kept = Path(wanted.kept)
    if not (kept / "config.db").exists():
        say("stopping the store of this host")
        systemctl(host, "stop", "hostd-clusterd.service")
        change.set_aside(kept)
        say(f"its database is kept in {kept}")
    change.use_corosync()
    _start_corosync(host, say)
    _wait_for_quorum(say)
    say("taking this host's own files along")
    for path, data in change.own_files():
        _bring(host, path, data, wanted, say)
    _certificate(host, say)


class Refused(HostError):
    """The cluster does not take this host; nothing has changed yet."""


def be_admitted(say: Say, *, folder: Path = FOLDER, at: Callable[[JoinToken], Remote] | None = None) -> None:
    """Ask the cluster, which may have said yes before without being heard.

    Raises Refused where it does not want this host, and HostError to be tried again where it cannot say: a member that
    loses its quorum while it writes may have admitted the host, and giving up would leave the cluster with a node that
    never comes.
    """
    asked = json.loads((folder / "wish.json").read_bytes())
    token = JoinToken.parse(asked["token"])
    wish = {"id": token.id, "secret": token.secret.reveal(), **asked["wish"]}
    remote = (at or _remote)(token)
    say("asking to be admitted")
    try:
        answer = remote.call("POST", ADMISSION, wish)
    except Unavailable:
        raise
    except Denied as err:
        raise Refused(str(err)) from err
    except HostError as err:
        if remote.call("POST", ADMISSION, wish | {"check": 1})["refused"]:
            raise Refused(str(err)) from err
        raise
    change.admitted(str(answer["corosync_conf"]), base64.b64decode(answer["corosync_authkey"]), folder=folder)


def _remote(token: JoinToken) -> Remote:
    return Remote(token.addresses, token.fingerprint)


def _leave(host: Host, wanted: Change, say: Say) -> None:
    kept = Path(wanted.kept)
    say("stopping Corosync and the store")
    systemctl(host, "stop", "hostd-clusterd.service", "corosync.service")
    systemctl(host, "disable", "corosync.service")
    qdevice.Follower(host.node, host.run).drop()
    change.copy_aside(kept)
    change.drop_corosync(kept)
    say(f"the cluster's database, key and configuration are kept in {kept}")
    systemctl(host, "start", "hostd-clusterd.service")
    _wait(lambda: host.store.list("nodes") is not None, "the store")
    for node in wanted.others:
        say(f"forgetting node '{node}'")
        _forget(host, f"nodes/{node}", wanted.actor)
    _forget(host, tokens.FOLDER, wanted.actor)
    for path in (*OF_THE_CLUSTER, *(f"nodes/{wanted.node}/{name}" for name in NOT_BROUGHT)):
        _delete(host, path, wanted.actor)
    _certificate(host, say)


def _start_corosync(host: Host, say: Say) -> None:
    say("starting Corosync and the store")
    systemctl(host, "enable", "corosync.service")
    systemctl(host, "restart", "corosync.service")
    systemctl(host, "restart", "hostd-clusterd.service")


def _certificate(host: Host, say: Say) -> None:
    say("making this host's certificate")
    systemctl(host, "restart", "hostd-setup.service")
    systemctl(host, "reload-or-restart", "hostd-nginx.service")


def quorate(text: str) -> bool:
    """Whether ``.members`` says that this node is part of a quorum."""
    try:
        cluster = json.loads(text).get("cluster")
    except ValueError:
        return False
    return bool(cluster and cluster.get("quorate"))


def _wait_for_quorum(say: Say) -> None:
    say("waiting for the other nodes and for quorum")
    _wait(lambda: quorate(MEMBERS.read_text()), "quorum")


def _wait(check: Callable[[], bool], what: str, limit_s: float = QUORUM_S) -> None:
    end_s = time.monotonic() + limit_s
    while True:
        try:
            if check():
                return
        except (HostError, OSError):
            pass  # the store is starting
        if time.monotonic() >= end_s:
            raise TimedOut(f"{what} is not there after {limit_s:g} s; going on waiting")
        time.sleep(PAUSE_S)


def _patiently(act: Callable[[], None], what: str) -> None:
    """Do it as soon as the store takes changes: the gate opens a moment after the quorum."""
    end_s = time.monotonic() + QUORUM_S
    while True:
        try:
            return act()
        except (Denied, Unavailable) as err:
            if time.monotonic() >= end_s:
                raise TimedOut(f"{what}: the store takes no changes for {QUORUM_S:g} s: {err}") from err
        time.sleep(PAUSE_S)


def _write(host: Host, path: str, data: bytes, actor: str, *, if_version: int | None = None) -> None:
    def write() -> None:
        try:
            if host.store.read(path).data == data:
                return
        except NotFound:
            pass
        host.store.mkdir(path.rpartition("/")[0], parents=True, actor=actor) if "/" in path else None
        host.store.write(path, data, if_version=if_version, actor=actor)

    _patiently(write, path)


def _bring(host: Host, path: str, data: bytes, wanted: Change, say: Say) -> None:
    """A file of this host into the cluster's tree, where it replaces what a node of this name has left; that is kept.

    What cannot be brought is kept, too, and said.
    """
    try:
        left = host.store.read(path).data
        if left != data:
            place = Path(wanted.kept) / "replaced" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(left)
            say(f"{path} replaces the one that was left in the cluster, which is kept as {place}")
    except NotFound:
        pass
    try:
        _write(host, path, data, wanted.actor)
    except Conflict as err:
        place = Path(wanted.kept) / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(FOLDER / "own" / path, place)
        say(f"{WARNING}{path} was not taken along: {err}; it is kept as {place}")


def _delete(host: Host, path: str, actor: str) -> None:
    def delete() -> None:
        try:
            host.store.delete(path, actor=actor)
        except NotFound:
            pass

    _patiently(delete, path)


def _forget(host: Host, path: str, actor: str) -> None:
    """Remove a directory with everything in it."""
    names: Sequence[str]
    try:
        names = host.store.list(path)
    except NotFound:
        return
    except HostError:  # a file
        names = ()
    for name in names:
        _forget(host, f"{path}/{name}", actor)
    _delete(host, path, actor)
