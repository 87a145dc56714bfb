"""Limits of what a card carries (``rate``): commands of tc(8) and ip(8), made by pure functions.

All is done on the host's end, where the container's root cannot undo it. What goes to the container leaves that end, by
a token bucket (tc-tbf(8)). What the container sends comes in there, where nothing can be queued: it is led through an
intermediate device (ifb) with a bucket of its own, and comes back to where it was. Debian's kernel has the modules for
this (sch_tbf, sch_ingress, cls_u32, act_mirred, ifb).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hostd.guests.lxc.network import device_name, intermediate_name
from hostd.guests.lxc.nic import Nic

Argv = list[str]
# Programs of debian/etc/ct-shape, and what each reads in LXC's folder of the container.
FILES: Final = {"ip": "shape.ip", "tc": "shape.tc"}
_BYTES_PER_MB: Final = 1_000_000
# A bucket must hold what the rate brings between two of the kernel's ticks, and the largest packet (64 KiB, which cards
# cut later).
_BURSTS_PER_S: Final = 50
_LEAST_BURST: Final = 131_072
_LATENCY: Final = "50ms"


def bytes_per_s(nic: Nic | None) -> int:
    """``rate`` is MB (10^6 bytes) a second, in each direction, as of machines' cards; 0: no limit."""
    rate = float(nic.values.get("rate", "0") or 0) if nic else 0.0
    return max(int(rate * _BYTES_PER_MB), 1000) if rate > 0 else 0


def _bucket(device: str, rate: int) -> Argv:
    """tc's ``bps`` are bytes a second."""
    burst = max(rate // _BURSTS_PER_S, _LEAST_BURST)
    words = ["rate", f"{rate}bps", "burst", str(burst), "latency", _LATENCY]
    return ["tc", "qdisc", "replace", "dev", device, "root", "handle", "1:", "tbf", *words]


def _buckets(vmid: int, nic: Nic) -> list[Argv]:
    rate = bytes_per_s(nic)
    return [_bucket(device_name(vmid, nic.index), rate), _bucket(intermediate_name(vmid, nic.index), rate)]


def limited(vmid: int, nic: Nic) -> list[Argv]:
    """A limit for a card that has none and whose host's end is there."""
    device, between = device_name(vmid, nic.index), intermediate_name(vmid, nic.index)
    redirect = ["action", "mirred", "egress", "redirect", "dev", between]
    everything = ["protocol", "all", "prio", "1", "u32", "match", "u32", "0", "0"]
    return [
        ["ip", "link", "add", "name", between, "type", "ifb"],
        ["ip", "link", "set", "dev", between, "up"],
        *_buckets(vmid, nic),
        ["tc", "qdisc", "add", "dev", device, "handle", "ffff:", "ingress"],
        ["tc", "filter", "add", "dev", device, "parent", "ffff:", *everything, *redirect],
    ]


def unlimited(vmid: int, nic: Nic) -> list[Argv]:
    """Takes the limit off a card that stays."""
    device = device_name(vmid, nic.index)
    return [
        ["tc", "qdisc", "delete", "dev", device, "handle", "ffff:", "ingress"],
        ["tc", "qdisc", "delete", "dev", device, "root"],
        *_gone(vmid, nic),
    ]


def _gone(vmid: int, nic: Nic) -> list[Argv]:
    return [["ip", "link", "delete", "dev", intermediate_name(vmid, nic.index)]]


def plan(vmid: int, before: Nic | None, after: Nic | None, *, new_device: bool) -> list[Argv]:
    """What brings a running container's card from one limit to the other, after the card itself is as it shall be.

    ``new_device``: its host's end was made anew, or is gone.
    """
    had, has = bytes_per_s(before), bytes_per_s(after)
    if not new_device and had and has:
        return _buckets(vmid, after) if after and had != has else []
    off: list[Argv] = []
    if before and had:
        off = _gone(vmid, before) if new_device else unlimited(vmid, before)
    return off + (limited(vmid, after) if after and has else [])


def batches(vmid: int, nics: Iterable[Nic]) -> dict[str, str]:
    """For a start: what ``ip -batch`` and ``tc -batch`` read, by file; empty texts where no card has a limit."""
    commands = [argv for nic in nics if bytes_per_s(nic) for argv in limited(vmid, nic)]
    return {
        file: "".join(f"{' '.join(argv[1:])}\n" for argv in commands if argv[0] == tool) for tool, file in FILES.items()
    }
