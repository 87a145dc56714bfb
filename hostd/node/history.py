"""Decides which samples become history: everything once a minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from hostd.node import rrd
from hostd.node.rrd import GUEST, NODE, STEP_S, STORAGE, Layout


class Files(Protocol):
    """``rrd.RrdFiles``, or what stands for it in a test."""

    def update(self, layout: Layout, name: tuple[str, ...], sample: Mapping[str, Any], now_s: int) -> None: ...


class History:
    """Keeps the first sample of each minute."""

    def __init__(self, node: str, files: Files | None = None) -> None:
        self._node, self._files = node, files or rrd.RrdFiles()
        self._minute = -1

    def keep(self, sample: Mapping[str, Any], now_s: float) -> bool:
        """Record ``sample`` (tables ``node``, ``guests``, ``storages``) unless this minute has one already."""
        minute = int(now_s) // STEP_S
        if minute == self._minute:
            return False
        self._minute = minute
        moment = minute * STEP_S
        self._files.update(NODE, (self._node,), sample["node"], moment)
        for vmid, values in sample["guests"].items():
            self._files.update(GUEST, (str(vmid),), values, moment)
        for storage, values in sample["storages"].items():
            if values.get("active"):
                self._files.update(STORAGE, (self._node, storage), values, moment)
        return True
