"""Live values in Prometheus' text format (prometheus.io, "Text-based format", version 0.0.4). Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric and the field of a sample that it tells."""

    name: str
    help: str
    field: str
    type: str = "gauge"


NODE: Final = (
    Metric(name="node_online", help="1 while the node is part of the running cluster.", field="online"),
    Metric(name="node_cpu_ratio", help="Use of all processors, 0 to 1.", field="cpu"),
    Metric(name="node_cpu_wait_ratio", help="Processors waiting for disks, 0 to 1.", field="wait"),
    Metric(name="node_cpus", help="Processors.", field="maxcpu"),
    Metric(name="node_load1", help="Load over one minute.", field="loadavg"),
    Metric(name="node_memory_bytes", help="Memory.", field="maxmem"),
    Metric(name="node_memory_used_bytes", help="Memory in use, caches not counted.", field="mem"),
    Metric(name="node_swap_bytes", help="Swap space.", field="swaptotal"),
    Metric(name="node_swap_used_bytes", help="Swap space in use.", field="swapused"),
    Metric(name="node_rootfs_bytes", help="Size of the root file system.", field="maxdisk"),
    Metric(name="node_rootfs_used_bytes", help="Use of the root file system.", field="disk"),
    Metric(name="node_uptime_seconds", help="Time since the node started.", field="uptime"),
    Metric(name="node_network_receive_bytes_total", help="Received by its cards.", field="netin", type="counter"),
    Metric(name="node_network_transmit_bytes_total", help="Sent by its cards.", field="netout", type="counter"),
)
GUEST: Final = (
    Metric(name="guest_up", help="1 while the guest runs.", field="up"),
    Metric(name="guest_cpu_ratio", help="Use of the guest's processors, 0 to 1.", field="cpu"),
    Metric(name="guest_cpus", help="The guest's processors.", field="maxcpu"),
    Metric(name="guest_memory_bytes", help="The guest's memory.", field="maxmem"),
    Metric(name="guest_memory_used_bytes", help="Memory that the guest uses.", field="mem"),
    Metric(name="guest_disk_bytes", help="Size of the guest's main disk.", field="maxdisk"),
    Metric(name="guest_disk_used_bytes", help="Use of a container's main disk.", field="disk"),
    Metric(name="guest_disk_read_bytes_total", help="Read from disks.", field="diskread", type="counter"),
    Metric(name="guest_disk_written_bytes_total", help="Written to disks.", field="diskwrite", type="counter"),
    Metric(name="guest_network_receive_bytes_total", help="Received by the guest.", field="netin", type="counter"),
    Metric(name="guest_network_transmit_bytes_total", help="Sent by the guest.", field="netout", type="counter"),
    Metric(name="guest_uptime_seconds", help="Time since the guest started.", field="uptime"),
)
STORAGE: Final = (
    Metric(name="storage_active", help="1 while the storage answers.", field="active"),
    Metric(name="storage_bytes", help="Size of the storage.", field="total"),
    Metric(name="storage_used_bytes", help="Use of the storage.", field="used"),
)
CLUSTER: Final = (
    Metric(name="cluster_votes", help="Votes that are here, a witness's included.", field="votes"),
    Metric(name="cluster_votes_needed", help="Votes that a quorum needs.", field="votes_needed"),
    Metric(name="cluster_votes_expected", help="Votes of all.", field="votes_expected"),
    Metric(name="cluster_quorum_margin", help="Votes that may go; negative without quorum.", field="margin"),
    Metric(
        name="cluster_witness_votes", help="Votes that the witness gives to this node's side.", field="witness_votes"
    ),
    Metric(name="cluster_retransmits_total", help="Messages sent again.", field="retransmits", type="counter"),
    Metric(name="cluster_tokens_lost_total", help="Memberships ended by silence.", field="tokens_lost", type="counter"),
)
LINK: Final = (
    Metric(name="cluster_link_up", help="1 while the link to the node answers.", field="connected"),
    Metric(name="cluster_link_round_trip_seconds", help="There and back, average.", field="round_trip_s"),
    Metric(name="cluster_link_loss_ratio", help="Lost of the pings of the last minute, 0 to 1.", field="loss"),
    Metric(name="cluster_link_downs_total", help="How often it went down.", field="downs", type="counter"),
)
CLOCK: Final = (
    Metric(name="cluster_clock_offset_seconds", help="The other node's clock minus this one's.", field="offset_s"),
)
Labelled = tuple[Mapping[str, str], Mapping[str, Any]]


def escape(text: str) -> str:
    """A label's value: backslash, quote and line break are escaped."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def lines(metrics: Iterable[Metric], objects: Iterable[Labelled]) -> list[str]:
    """Each metric with a line for every object whose sample has its field."""
    table = list(objects)
    found = []
    for metric in metrics:
        name = f"holdfast_{metric.name}"
        rows = [f"{name}{{{_labels(labels)}}} {value}" for labels, sample in table if (value := _value(sample, metric))]
        if rows:
            found += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.type}", *rows]
    return found


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{escape(value)}"' for name, value in labels.items())


def _value(sample: Mapping[str, Any], metric: Metric) -> str:
    value = sample.get(metric.field)
    return str(value + 0) if isinstance(value, int | float) and math.isfinite(value) else ""
