"""Limits of cards: what is told to ip and tc."""

from __future__ import annotations

import pytest

from hostd.guests.lxc import network, shaping, start_log
from hostd.guests.lxc.nic import Nic


def card(rate: str = "", name: str = "eth1") -> Nic:
    limit = f",rate={rate}" if rate else ""
    return network.parse_nic("net1", f"name={name},bridge=vmbr0,hwaddr=02:00:00:00:00:09{limit}")


def said(before: Nic | None, after: Nic | None, *, new_device: bool = False) -> list[str]:
    return [" ".join(argv) for argv in shaping.plan(100, before, after, new_device=new_device)]


@pytest.mark.parametrize(
    ("rate", "bytes_per_s"),
    [("", 0), ("0", 0), ("1", 1_000_000), ("12.5", 12_500_000), ("0.25", 250_000), ("0.0000001", 1000)],
)
def test_megabytes_a_second(rate: str, bytes_per_s: int) -> None:
    assert shaping.bytes_per_s(card(rate)) == bytes_per_s


def test_a_card_gets_a_limit_both_ways() -> None:
    limited, everything = said(None, card("12.5"), new_device=True), "protocol all prio 1 u32 match u32 0 0"
    assert limited == [
        "ip link add name ifb100i1 type ifb",
        "ip link set dev ifb100i1 up",
        "tc qdisc replace dev veth100i1 root handle 1: tbf rate 12500000bps burst 250000 latency 50ms",
        "tc qdisc replace dev ifb100i1 root handle 1: tbf rate 12500000bps burst 250000 latency 50ms",
        "tc qdisc add dev veth100i1 handle ffff: ingress",
        f"tc filter add dev veth100i1 parent ffff: {everything} action mirred egress redirect dev ifb100i1",
    ]
    assert said(card(), card("12.5")) == limited


def test_a_bucket_holds_the_largest_packet() -> None:
    assert "burst 131072" in said(None, card("0.01"), new_device=True)[2]


def test_a_limit_changes_and_goes() -> None:
    assert [line.split(" burst")[0] for line in said(card("1"), card("2"))] == [
        "tc qdisc replace dev veth100i1 root handle 1: tbf rate 2000000bps",
        "tc qdisc replace dev ifb100i1 root handle 1: tbf rate 2000000bps",
    ]
    assert said(card("1"), card()) == [
        "tc qdisc delete dev veth100i1 handle ffff: ingress",
        "tc qdisc delete dev veth100i1 root",
        "ip link delete dev ifb100i1",
    ]


def test_nothing_changes_where_nothing_is_asked() -> None:
    assert said(card("1"), card("1.0")) == said(card(), card("0")) == said(card(), None, new_device=True) == []


def test_another_device_is_limited_anew() -> None:
    again = said(card("1"), card("1", name="lan"), new_device=True)
    assert again[0] == "ip link delete dev ifb100i1"
    assert again[1:] == said(None, card("1"), new_device=True)
    assert said(card("1"), None, new_device=True) == ["ip link delete dev ifb100i1"]


def test_what_a_start_reads() -> None:
    one, other = network.parse_nic("net0", "name=eth0,rate=1"), network.parse_nic("net2", "name=eth2")
    texts = shaping.batches(999999999, [one, other])
    assert texts["shape.ip"] == "link add name ifb999999999i0 type ifb\nlink set dev ifb999999999i0 up\n"
    assert texts["shape.tc"].splitlines()[0].startswith("qdisc replace dev veth999999999i0 root")
    assert len(texts["shape.tc"].splitlines()) == 4
    assert shaping.batches(100, [other]) == {"shape.ip": "", "shape.tc": ""}


def test_what_a_start_could_not_limit() -> None:
    warning = "limits of its cards (rate) are not in force: Error: no tbf"
    text = f"holdfast ERROR no\nholdfast WARN {warning} \nlxc-start 1 WARN x\n"
    assert start_log.warnings(text) == [warning]
    assert start_log.reasons(text) == ["no"]
