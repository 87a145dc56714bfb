"""The cards of a running container with their addresses, as its own network shows them (``ip -json address``)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hostd.core.errors import ParseError
from hostd.core.run import Run


@dataclass(frozen=True, kw_only=True)
class Address:
    """``family``: ``inet`` or ``inet6``."""

    address: str
    family: str
    prefix: int


@dataclass(frozen=True, kw_only=True)
class Interface:
    name: str
    mac: str
    addresses: tuple[Address, ...]

    def first(self, family: str) -> str:
        """The first address of a family with its prefix, or ""."""
        return next((f"{a.address}/{a.prefix}" for a in self.addresses if a.family == family), "")


def show_argv(pid: int) -> list[str]:
    """The host's own program in the container's network; nothing of the container is run (nsenter(1))."""
    return ["nsenter", f"--net=/proc/{pid}/ns/net", "--", "ip", "-json", "address", "show"]


def parse(text: str) -> list[Interface]:
    """``ip -json address show`` of iproute2: a list of objects with ifname, address, addr_info."""
    try:
        found = json.loads(text or "[]")
        return [_interface(row) for row in found if row]
    except (ValueError, KeyError, TypeError) as err:
        raise ParseError(f"'ip -json address show' told something else than interfaces: {err}") from err


def _interface(row: dict[str, Any]) -> Interface:
    addresses = tuple(
        Address(address=one["local"], family=one["family"], prefix=int(one["prefixlen"]))
        for one in row.get("addr_info", ())
        if "local" in one
    )
    return Interface(name=row["ifname"], mac=row.get("address", ""), addresses=addresses)


def of_process(run: Run, pid: int) -> list[Interface]:
    return parse(run(show_argv(pid), timeout_s=10).stdout)
