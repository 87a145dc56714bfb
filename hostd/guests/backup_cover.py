"""Which guests no backup job saves, from ``jobs.cfg``. Pure.

A job names its guests (``vmid``), a pool, or all but some (``all``, ``exclude``), perhaps only those of one ``node``.
A job that is switched off saves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from hostd.core.formats.lists import split_list
from hostd.core.formats.sectionconfig import Section, parse

PATH = "jobs.cfg"
JOB = "vzdump"


def uncovered(text: str, nodes: Mapping[int, str], pools: Mapping[str, frozenset[int]]) -> list[int]:
    """Ids of guests that no job saves, sorted. ``nodes``: every guest's node; ``pools``: the guests of each pool."""
    left = set(nodes)
    for job in parse(text):
        if job.type == JOB and job.values.get("enabled", "1") != "0":
            left -= _guests(job, nodes, pools)
    return sorted(left)


def _guests(job: Section, nodes: Mapping[int, str], pools: Mapping[str, frozenset[int]]) -> set[int]:
    values = job.values
    chosen = _ids(values.get("vmid", "")) | pools.get(values.get("pool", ""), frozenset())
    if values.get("all", "0") != "0":
        chosen = set(nodes) - _ids(values.get("exclude", ""))
    node = values.get("node", "")
    return {vmid for vmid in chosen if not node or nodes.get(vmid) == node}


def _ids(text: str) -> set[int]:
    return {int(word) for word in split_list(text) if word.isdecimal()}
