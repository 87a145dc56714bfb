"""The tasks behind ``pvecm create``, ``join`` and ``leave``: check, prepare, commit, and show how it is carried out."""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hostd.cluster.corosync import conf as model
from hostd.cluster.corosync.conf import ClusterConf, Node
from hostd.cluster.store import File, Mirror
from hostd.clustering import change, inventory
from hostd.clustering.carry import ADMISSION, FAILED, NOT_BROUGHT, PROGRESS, WARNING
from hostd.clustering.change import Change, Kind
from hostd.clustering.inventory import Inventory
from hostd.clustering.remote import CONNECT_S, PORT, Remote
from hostd.clustering.tokens import JoinToken
from hostd.core import files as core_files
from hostd.core.errors import Conflict, HostError, TimedOut
from hostd.core.release import VERSION
from hostd.node.addresses import own_addresses
from hostd.node.host import Host
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task

KEPT: Final = Path("/var/lib/hostd")
TOKEN: Final = Path("/run/hostd/join-token")
FOLLOW_S: Final = 300.0
AUTHKEY_BYTES: Final = 256


def links_or_own(host: Host, links: dict[int, str]) -> dict[int, str]:
    """The links that were given, else one with this host's first address."""
    if links:
        return links
    own = own_addresses(host.run)
    if not own:
        raise Conflict("this host has no address yet; give one with --link0")
    return {0: own[0]}


@task("clustercreate")
def create(
    host: Host, log: TaskLog, *, name: str, links: dict[str, str], priorities: dict[str, int], node_id: int, votes: int,
    token_coefficient_ms: int, actor: str,
) -> None:  # fmt: skip
    """Begin a cluster with this host as its first node."""
    change.check_free()
    first = Node(name=host.node, node_id=node_id, votes=votes, links=links_or_own(host, _numbered(links)))
    wanted = model.create(
        name, first, priorities=_numbered(priorities), token_coefficient_ms=token_coefficient_ms
    )  # fmt: skip
    log.info(f"cluster '{name}', node '{host.node}' at {', '.join(first.links.values())}")
    made = change.prepare(
        Change(kind=Kind.CREATE, node=host.node, kept="", actor=actor),
        conf=wanted.format(),
        authkey=secrets.token_bytes(AUTHKEY_BYTES),
    )
    carry_through(host, log, made)


def _numbered(values: dict[str, Any]) -> dict[int, Any]:
    """JSON has no keys but text."""
    return {int(number): value for number, value in values.items()}


@task("clusterjoin")
def join(
    host: Host, log: TaskLog, *, links: dict[str, str], node_id: int | None, votes: int, replace: bool, actor: str
) -> None:
    """Join a cluster; the token lies in a file, so that it is in no list of tasks."""
    change.check_free()
    token = take_token()
    tree = [(file.path, file.data) for file in files(host)]
    mine = inventory.take(tree, version=VERSION, time_s=time.time())
    remote = Remote(token.addresses, token.fingerprint)
    log.info(f"asking the cluster at {', '.join(token.addresses)}")
    wish: dict[str, object] = {"node": host.node, "votes": votes}
    wish |= {} if node_id is None else {"nodeid": node_id}
    wish |= {f"link{number}": address for number, address in links.items()} | ({"force": 1} if replace else {})
    found = ask(remote, token, wish | {"check": 1})
    if not links:  # the address from which the cluster was reached
        wish["link0"] = remote.own_address
        found = ask(remote, token, wish | {"check": 1})
    theirs = Inventory.from_wire(json.loads(found["inventory"]))
    refused = [
        *found["refused"],
        *inventory.refusals(host.node, mine, theirs),
        *unreachable(ClusterConf.parse(found["conf"])),
    ]
    for reason in refused:
        log.info(f"cannot join: {reason}")
    if refused:
        raise Conflict(f"this host cannot join; {len(refused)} found: {'; '.join(refused)}")
    for lost in inventory.losses(mine, theirs):
        log.warn(lost)
    own = f"nodes/{host.node}/"
    brought = [
        (path, data) for path, data in tree if path.startswith(own) and path.rpartition("/")[2] not in NOT_BROUGHT
    ]
    log.info(f"{len(brought)} files of this host come along")
    kept = KEPT / time.strftime("before-join-%Y%m%d-%H%M%S")
    made = change.prepare(
        Change(kind=Kind.JOIN, node=host.node, kept=str(kept), actor=actor),
        own=brought,
        wish={"token": token.word(), "wish": wish},
    )
    carry_through(host, log, made)


@task("clusterleave")
def leave(host: Host, log: TaskLog, *, actor: str) -> None:
    """Make a host that was removed from its cluster one of its own again, with its own guests."""
    if not change.is_member():
        raise Conflict("this host belongs to no cluster")
    if change.pending() is not None:
        raise Conflict(f"another change is being carried out; see 'journalctl -u {change.UNIT}'")
    others = tuple(name for name in host.store.list("nodes") if name != host.node)
    kept = KEPT / time.strftime("before-leave-%Y%m%d-%H%M%S")
    made = change.prepare(Change(kind=Kind.LEAVE, node=host.node, kept=str(kept), actor=actor, others=others))
    carry_through(host, log, made)


def ask(remote: Remote, token: JoinToken, wish: dict[str, object]) -> Any:
    """Ask to be admitted; with ``check`` only whether that is possible. Raises as Remote.call."""
    return remote.call("POST", ADMISSION, {"id": token.id, "secret": token.secret.reveal(), **wish})


def files(host: Host) -> list[File]:
    """All files of the tree, as they are now."""
    mirror = Mirror()
    mirror.start()
    try:
        mirror.wait_ready()
        return mirror.glob("")
    finally:
        mirror.stop()


def unreachable(conf: ClusterConf) -> Iterator[str]:
    """Sentences about addresses of the cluster's nodes that do not answer from here, on any of the links."""
    for node in conf.nodes:
        for number, address in sorted(node.links.items()):
            try:
                socket.create_connection((address, PORT), CONNECT_S).close()
            except OSError as err:
                yield f"node '{node.name}' cannot be reached on link {number} ({address}): {err.strerror or err}"


def keep_token(word: str) -> None:
    """For ``join``: a token in a file that only root reads."""
    core_files.replace(TOKEN, word.encode(), mode=0o600)


def take_token() -> JoinToken:
    """The token that was left here, once. Raises Conflict, Invalid."""
    try:
        word = TOKEN.read_text()
        TOKEN.unlink()
    except FileNotFoundError as err:
        raise Conflict("the join token is gone; begin again") from err
    return JoinToken.parse(word)


def carry_through(host: Host, log: TaskLog, made: Path) -> None:
    """Have the change carried out and show it; it goes on even if this task is killed. Raises HostError.

    The folder's name alone starts it, by hostd-cluster-change.path: a task that is killed right after it has given the
    name leaves nothing that waits for the next boot.
    """
    PROGRESS.unlink(missing_ok=True)
    change.commit(made)
    shown, end_s = 0, time.monotonic() + FOLLOW_S
    while True:
        going_on = change.FOLDER.exists()
        lines = PROGRESS.read_text().splitlines() if PROGRESS.exists() else []
        for line in lines[shown:]:
            text = line.removeprefix(WARNING)
            log.warn(text) if text != line else log.info(line)
        shown = len(lines)
        if not going_on:
            break
        if time.monotonic() >= end_s:
            raise TimedOut(f"it is not finished after {FOLLOW_S:g} s and goes on; see 'journalctl -fu {change.UNIT}'")
        time.sleep(0.2)
    if lines and lines[-1].startswith(FAILED):
        raise HostError(lines[-1].removeprefix(FAILED))
