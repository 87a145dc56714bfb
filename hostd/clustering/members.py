"""The cluster's side: admitting a node and removing one, by changing the corosync.conf that every node follows."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hostd.cluster import membership
from hostd.cluster.corosync import conf as model
from hostd.cluster.corosync.conf import ClusterConf, Node
from hostd.core.errors import Conflict, HostError, Invalid, NotFound, Unavailable
from hostd.core.formats import propgrammar
from hostd.node.host import Host

COROSYNC: Final = Path("/etc/corosync")
LIVE_S: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a node wants to be. ``links``: address by number; ``node_id`` None: the lowest that is free."""

    name: str
    links: Mapping[int, str]
    node_id: int | None = None
    votes: int = 1
    replace: bool = False


@dataclass(frozen=True, kw_only=True)
class Admission:
    """What a new node needs: the cluster's configuration with itself in it, and the key."""

    conf: str
    authkey: bytes
    warnings: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, object]:
        return {
            "corosync_authkey": base64.b64encode(self.authkey).decode(),
            "corosync_conf": self.conf,
            "warnings": list(self.warnings),
        }


def links_of(given: Mapping[str, str]) -> tuple[dict[int, str], dict[int, int]]:
    """``link0: "address=A,priority=5"`` … to addresses and priorities by number. Raises Invalid."""
    addresses: dict[int, str] = {}
    priorities: dict[int, int] = {}
    for name, text in given.items():
        number = int(name.removeprefix("link"))
        values = propgrammar.parse(text, default_key="address")
        if "address" not in values:
            raise Invalid({name: "address: property is missing and it is not optional"})
        addresses[number] = values["address"]
        if "priority" in values:
            priorities[number] = int(values["priority"])
    return addresses, priorities


def stored(host: Host) -> tuple[ClusterConf, int]:
    """The cluster's configuration and the version of its file. Raises Conflict on a host that belongs to none."""
    try:
        file = host.store.read(membership.PATH)
    except NotFound as err:
        raise Conflict(f"host '{host.node}' belongs to no cluster; begin one: pvecm create NAME") from err
    return ClusterConf.parse(file.data.decode(errors="replace")), file.version


def with_node(conf: ClusterConf, wish: Wish) -> ClusterConf:
    """The configuration with the node in it. Pure. Raises Conflict, Invalid."""
    names = {node.name for node in conf.nodes}
    if wish.name in names:
        if not wish.replace:
            raise Conflict(
                f"node '{wish.name}' is already defined in cluster '{conf.name}'; if it is gone for good, "
                f"remove it first: pvecm delnode {wish.name}"
            )
        conf = model.remove_node(conf, wish.name)
    wanted, given = sorted(conf.links), sorted(wish.links)
    if wanted != given:
        raise Invalid(
            {f"link{n}": "the cluster has this link; give this node's address on it" for n in set(wanted) - set(given)}
            | {f"link{n}": f"the cluster has no link {n}; its links are {wanted}" for n in set(given) - set(wanted)}
        )
    node_id = wish.node_id if wish.node_id is not None else model.free_node_id(conf)
    return model.add_node(conf, Node(name=wish.name, node_id=node_id, votes=wish.votes, links=wish.links))


def admit(host: Host, wish: Wish, *, actor: str, first: Callable[[], None] = lambda: None) -> Admission:
    """Make the node a member, and wait until this node's Corosync knows it.

    ``first`` is called when nothing can be refused any more, before anything changes. Raises HostError.
    """
    conf, version = stored(host)
    changed = with_node(conf, wish)
    authkey = (COROSYNC / "authkey").read_bytes()
    first()
    host.store.write(membership.PATH, changed.format().encode(), if_version=version, actor=actor)
    try:
        wait_until_live(changed.version)
    except Unavailable as err:  # it is a member all the same: it must hear so
        return Admission(conf=changed.format(), authkey=authkey, warnings=(str(err),))
    return Admission(conf=changed.format(), authkey=authkey)


def already(host: Host, wish: Wish) -> Admission | None:
    """What a node that was admitted got, for one that asks again; None where it is not a node as it wants to be."""
    conf, _ = stored(host)
    node = next((node for node in conf.nodes if node.name == wish.name), None)
    if node is None or dict(node.links) != dict(wish.links):
        return None
    return Admission(conf=conf.format(), authkey=(COROSYNC / "authkey").read_bytes())


def remove(host: Host, name: str, *, actor: str) -> ClusterConf:
    """Take a node out of the cluster; its directory stays, with the guests that were on it. Raises HostError."""
    conf, version = stored(host)
    if name == host.node:
        raise Conflict(f"'{name}' is this node; remove it on another node of the cluster, once it is off")
    changed = model.remove_node(conf, name)
    host.store.write(membership.PATH, changed.format().encode(), if_version=version, actor=actor)
    wait_until_live(changed.version)
    return changed


def wait_until_live(version: int, *, place: Path = COROSYNC / "corosync.conf", limit_s: float = LIVE_S) -> None:
    """Wait until this node has taken over a version of the configuration. Raises Unavailable."""
    end_s = time.monotonic() + limit_s
    while True:
        try:
            if ClusterConf.parse(place.read_text()).version >= version:
                return
        except (OSError, HostError):
            pass  # being replaced
        if time.monotonic() >= end_s:
            raise Unavailable(f"version {version} of corosync.conf is stored, but not in use here after {limit_s:g} s; "
                              "see 'journalctl -u hostd-clusterd'")  # fmt: skip
        time.sleep(0.1)
