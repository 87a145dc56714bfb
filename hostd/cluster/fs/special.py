"""The special files at the root of the mount: JSON made from the tree at the moment they are opened. Pure.

Form: what programs written for the reference system expect of ``/etc/pve/.version``, ``.members`` and ``.vmlist``.
The others of ``paths.SPECIAL`` stay absent until they have something true to say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

from hostd.cluster.fs import paths
from hostd.cluster.fs.tree import Node, View
from hostd.cluster.standing import Standing

PRESENT: Final = (".members", ".version", ".vmlist")


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
        self, view: View, node: str, *, start_s: int, standing: Callable[[], Standing | None] = lambda: None
    ) -> None:
        self._view, self._node, self._start_s, self._standing = view, node, start_s, standing
        self._kept: dict[str, tuple[tuple[int, int], bytes]] = {}

    def content(self, name: str) -> bytes:
        """What ``name`` (one of PRESENT) says now."""
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
