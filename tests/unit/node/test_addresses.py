"""Addresses out of what ip(8) says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hostd.core.run import Result
from hostd.node.addresses import own_addresses

LINKS = [
    {"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "scope": "host"}, {"local": "::1", "scope": "host"}]},
    {"ifname": "vmbr0", "addr_info": [{"local": "fe80::1"}, {"local": "2001:db8::2"}, {"local": "192.0.2.10"}]},
    {"ifname": "nic0", "addr_info": []},
    {"ifname": "vmbr1", "addr_info": [{"local": "192.0.2.9"}, {"local": "fd00::7"}]},
    {},
]


def fake_run(argv: Sequence[Any], **_: object) -> Result:
    return Result(argv=[str(a) for a in argv], code=0, stdout=json.dumps(LINKS), stderr="")


def test_usable_addresses_ipv4_first() -> None:
    assert own_addresses(fake_run) == ["192.0.2.9", "192.0.2.10", "2001:db8::2", "fd00::7"]
