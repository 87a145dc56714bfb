"""The tables: operations with ratios, the rest, and whether each target holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.storebench.loads import Loads
from benchmarks.storebench.members import STALL_LIMIT_S, Members
from benchmarks.storebench.places import OPERATIONS, quantile_us

Samples = dict[str, list[float]]


@dataclass
class Results:
    """What was measured; seconds."""

    places: dict[str, Samples] = field(default_factory=dict)
    single: Samples = field(default_factory=dict)
    loads: Loads | None = None
    start_s: list[float] = field(default_factory=list)
    members: Members | None = None
    etcd_rss_mb: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """``found`` None: it could not be measured."""

    name: str
    found: float | None
    limit: float
    unit: str

    def line(self) -> str:
        if self.found is None:
            return f"{self.name:58}{'-':>10}  {self.limit:>7g} {self.unit:6} not measured"
        verdict = "holds" if self.found <= self.limit else "MISSED"
        return f"{self.name:58}{self.found:>10.2f}  {self.limit:>7g} {self.unit:6} {verdict}"


def median(samples: list[float]) -> float:
    return quantile_us(samples, 0.5) / 1e6


def ratio(results: Results, operation: str, peer: str) -> float | None:
    theirs = results.places.get(peer)
    return median(results.places["store"][operation]) / median(theirs[operation]) if theirs else None


def targets(results: Results) -> Iterator[Target]:
    """The project's, in the order of its list."""
    yield Target(name="stat, unchanged file, against tmpfs", found=ratio(results, "stat", "tmpfs"), limit=1.3, unit="x")
    yield Target(
        name="pread, unchanged file, against tmpfs",
        found=ratio(results, "pread, open file", "tmpfs"), limit=1.3, unit="x",
    )  # fmt: skip
    yield Target(
        name="open+read+close against the C passthrough",
        found=ratio(results, "open+read+close", "passthrough"), limit=1.3, unit="x",
    )  # fmt: skip
    put = median(results.single["etcd"]) if results.single["etcd"] else None
    yield Target(
        name="durable write by the socket against etcd's put",
        found=median(results.single["socket"]) / put if put else None, limit=0.5, unit="x",
    )  # fmt: skip
    yield Target(
        name="durable write by the mount against etcd's put",
        found=median(results.single["mount"]) / put if put else None, limit=0.5, unit="x",
    )  # fmt: skip
    loads, members = results.loads, results.members
    yield Target(
        name="1,000 configurations by the socket",
        found=median(loads.socket_s) * 1e3 if loads else None, limit=8, unit="ms",
    )  # fmt: skip
    yield Target(name="resident memory with 1,000 x 2 KB", found=loads.rss_mb if loads else None, limit=60, unit="MB")
    yield Target(
        name="start with 5,000 configurations",
        found=median(results.start_s) if results.start_s else None, limit=2, unit="s",
    )  # fmt: skip
    yield Target(
        name="3 nodes, majority-durable write, p50",
        found=median(members.writes_s) * 1e3 if members else None, limit=5, unit="ms",
    )  # fmt: skip
    yield Target(
        name="3 nodes, writes stall when one dies", found=members.stall_s if members else None,
        limit=round(STALL_LIMIT_S, 2), unit="s",
    )  # fmt: skip


def operations(results: Results) -> Iterator[str]:
    others = [name for name in results.places if name != "store"]
    yield f"{'p50 in µs':18}{'store':>10}{'p99':>10}{'ops/s':>9}" + "".join(f"{n:>13}{'ratio':>7}" for n in others)
    for operation in OPERATIONS:
        mine = results.places["store"][operation.name]
        p50 = quantile_us(mine, 0.5)
        row = f"{operation.name:18}{p50:10.1f}{quantile_us(mine, 0.99):10.0f}{len(mine) / sum(mine):9.0f}"
        for name in others:
            base = quantile_us(results.places[name][operation.name], 0.5)
            row += f"{base:13.1f}{p50 / base:7.2f}"
        yield row


def rest(results: Results) -> Iterator[str]:
    rows: list[tuple[str, list[float]]] = [("durable write, socket", results.single["socket"])]
    rows += [("… by the mount", results.single["mount"]), ("etcd put, JSON gateway", results.single["etcd"])]
    if loads := results.loads:
        rows += [("1,000 configurations, socket", loads.socket_s), ("… by the mount", loads.mount_s)]
        rows += [("… from tmpfs", loads.tmpfs_s)]
    rows += [("start with 5,000", results.start_s)]
    if members := results.members:
        rows += [("3 nodes, durable write", members.writes_s)]
    yield f"{'ms':32}{'p50':>10}{'p99':>10}{'ops/s':>9}"
    for name, samples in rows:
        if samples:
            times = f"{quantile_us(samples, 0.5) / 1e3:10.2f}{quantile_us(samples, 0.99) / 1e3:10.2f}"
            yield f"{name:32}{times}{len(samples) / sum(samples):9.0f}"
    if results.etcd_rss_mb:
        yield f"{'etcd, resident memory (empty)':32}{results.etcd_rss_mb:10.1f} MB"


def show(results: Results) -> int:
    """Print everything; 1 when a target is missed."""
    found = list(targets(results))
    print(*operations(results), "", *rest(results), "", sep="\n")
    print(f"{'target':58}{'found':>10}  {'limit':>7}")
    print(*(target.line() for target in found), sep="\n")
    return int(any(target.found is not None and target.found > target.limit for target in found))
