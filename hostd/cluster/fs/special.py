"""The special files at the root of the mount: what is so at the moment they are opened.

Form: what programs written for the reference system expect of them. ``.version``, ``.members`` and ``.vmlist`` are made
of the tree and the cluster's standing; ``.rrd`` and ``.clusterlog`` of the values that the nodes tell each other, which
somebody else understands (``Reports``); ``.debug`` is the daemon's own switch.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from hostd.cluster.fs import paths
from hostd.cluster.fs.tree import Node, View
from hostd.cluster.standing import Standing

DEBUG: Final = ".debug"
REPORTED: Final = (".clusterlog", ".rrd")
"""Made anew for each ``open``; nobody is told their size before, as making them takes a moment."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A node's value and when it came; seconds since 1970."""

    data: bytes
    time_s: float


Values = Mapping[str, Heard]  # by name of the node


class Reports(Protocol):
    """Who understands the values. ``values`` gives those under a key; each answer is the whole file."""

    def rrd(self, values: Callable[[str], Values], view: View) -> bytes: ...

    def clusterlog(self, values: Callable[[str], Values]) -> bytes: ...


def debug_is_on() -> bool:
    return logging.getLogger().isEnabledFor(logging.DEBUG)


def switch_debug(data: bytes) -> bool:
    """``0`` or ``1`` as they were written; False for anything else."""
    if data.strip() not in (b"0", b"1"):
        return False
    logging.getLogger().setLevel(logging.DEBUG if data.strip() == b"1" else logging.INFO)
    return True


def guests(view: View) -> Iterator[tuple[paths.Guest, Node]]:
    """All guests' configuration files."""
    nodes = view.find("nodes")
    for owner in view.children(nodes.inode) if nodes else ():
        for directory in paths.GUEST_DIRECTORIES:
            above = view.child(owner.inode, directory)
            for node in view.children(above.inode) if above else ():
                guest = paths.guest_of(f"nodes/{owner.name}/{directory}/{node.name}")
                if guest and not node.is_directory:
                    yield guest, node


def vmlist(view: View) -> bytes:
    """Guest ids with node, type and the version of their file."""
    found = sorted(guests(view), key=lambda pair: pair[0].vmid)
    ids = {str(g.vmid): {"node": g.node, "type": g.kind, "version": node.version} for g, node in found}
    return _json({"version": max((node.version for _, node in found), default=0), "ids": ids})


def members(node: str, standing: Standing | None) -> bytes:
    """This node's name; in a cluster all nodes with number, address and whether they are there, and the quorum."""
    if standing is None:
        return _json({"nodename": node, "version": 1})
    cluster = {
        "name": standing.name,
        "version": standing.config,
        "nodes": len(standing.members),
        "quorate": int(standing.quorate),
    }
    nodes = {m.name: {"id": m.node_id, "online": int(m.online), "ip": m.address} for m in standing.members}
    return _json({"nodename": node, "version": standing.version, "cluster": cluster, "nodelist": nodes})


def version(view: View, *, start_s: int, members_version: int) -> bytes:
    """Versions by file, for everything at the root and in its public directories except ``nodes``."""
    newest = max((node.version for _, node in guests(view)), default=0)
    state: dict[str, object] = {"starttime": start_s, "clinfo": members_version, "vmlist": newest}
    for top in sorted(view.children(1), key=lambda node: node.name):
        if top.name not in ("nodes", "priv"):
            files = ((path, node) for path, node in view.walk(top, top.name) if not node.is_directory)
            state |= {path: node.version for path, node in files}
    return _json(state)


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


class SpecialFiles:
    """Contents by name, each kept until the tree or the cluster's standing changes."""

    def __init__(
        self,
        view: View,
        node: str,
        *,
        start_s: int,
        standing: Callable[[], Standing | None] = lambda: None,
        reports: Reports | None = None,
        values: Callable[[str], Values] = lambda _: {},
    ) -> None:
        """Without ``reports`` the files that they make are absent."""
        self._view, self._node, self._start_s, self._standing = view, node, start_s, standing
        self._reports, self._values = reports, values
        self.names = frozenset(name for name in paths.SPECIAL if reports is not None or name not in REPORTED)
        self._kept: dict[str, tuple[tuple[int, int], bytes]] = {}

    def size(self, name: str) -> int:
        return 0 if name in REPORTED else len(self.content(name))

    def content(self, name: str) -> bytes:
        """What ``name`` (one of ``names``) says now."""
        if self._reports is not None and name == ".rrd":
            return self._reports.rrd(self._values, self._view)
        if self._reports is not None and name == ".clusterlog":
            return self._reports.clusterlog(self._values)
        if name == DEBUG:
            return b"1\n" if debug_is_on() else b"0\n"
        standing = self._standing()
        state = (self._view.version, standing.version if standing else 1)
        kept = self._kept.get(name)
        if kept is None or kept[0] != state:
            kept = self._kept[name] = (state, self._make(name, standing))
        return kept[1]

    def _make(self, name: str, standing: Standing | None) -> bytes:
        match name:
            case ".vmlist":
                return vmlist(self._view)
            case ".version":
                number = standing.version if standing else 1
                return version(self._view, start_s=self._start_s, members_version=number)
            case ".members":
                return members(self._node, standing)
        raise KeyError(name)
