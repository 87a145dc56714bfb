"""The host's corosync.conf follows the one in the tree: what to take over (pure), and taking it over."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from hostd.cluster.corosync.conf import ClusterConf
from hostd.core import files
from hostd.core.errors import CommandFailed, Conflict, HostError
from hostd.core.run import Run

log = logging.getLogger(__name__)
RELOAD: Final = ("corosync-cfgtool", "-R")


def newer(local: str, stored: bytes, node: str) -> str | None:
    """The text to take over, or None where the host's file is as new. Raises HostError where it must not be used.

    A configuration is used when all of it is valid, it is of the same cluster, and this node is in it: a node that was
    removed keeps what it has, and so neither counts itself into the cluster nor votes in it.
    """
    wanted = ClusterConf.parse(stored.decode(errors="replace"))
    have = ClusterConf.parse(local)
    if wanted.version <= have.version:
        return None
    if wanted.name != have.name:
        raise Conflict(f"it is of cluster '{wanted.name}', this node belongs to '{have.name}'")
    if node not in {member.name for member in wanted.nodes}:
        raise Conflict(f"node '{node}' is no longer in cluster '{wanted.name}'; make it a host of its own: pvecm leave")
    return wanted.format()


class Follower:
    """Takes over what ``offer`` is given; says once what is wrong with it."""

    def __init__(self, place: Path, node: str, run: Run) -> None:
        self._place, self._node, self._run = place, node, run
        self._told = ""

    def offer(self, stored: bytes) -> bool:
        """Whether the host's file was replaced. Blocks for as long as Corosync takes to read it."""
        try:
            text = newer(self._place.read_text(), stored, self._node)
        except (HostError, OSError) as err:
            self._tell(f"the stored corosync.conf is not used: {err}")
            return False
        if text is None:
            return False
        files.replace(self._place, text.encode())
        try:
            self._run(list(RELOAD), timeout_s=30)
        except CommandFailed as err:
            self._tell(f"Corosync does not take over its new configuration: {err}")
        else:
            log.info("corosync.conf: version %d is in use", ClusterConf.parse(text).version)
        return True

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            log.warning("%s", text)
