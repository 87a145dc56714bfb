"""Area ``network-interfaces``: the file ``/etc/network/interfaces``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hostd.node.network import interfaces
from hostd.node.network.links import link_of
from hostd.node.network.model import Configuration, from_wire, to_wire
from hostd.node.network.parse import parse

Case = dict[str, Any]


def parsed(case: Case) -> Configuration:
    links = {name: link_of(entry) for name, entry in case["ip_links"].items()}
    return parse(case["text"], links=links, active=case["active"])


def told(config: Configuration) -> object:
    """A configuration in the terms of the cases."""
    return {
        "ifaces": {name: to_wire(interface) for name, interface in config.interfaces.items()},
        "options": [list(option) for option in config.options],
    }


def written(case: Case) -> str:
    config = case["config"]
    return interfaces.format(
        Configuration(
            interfaces={name: from_wire(wire) for name, wire in config["ifaces"].items()},
            options=tuple((int(place), line) for place, line in config["options"]),
        )
    )


OPERATIONS: dict[str, Callable[[Case], object]] = {
    "interfaces-parse": lambda case: told(parsed(case)),
    "interfaces-rewrite": lambda case: interfaces.format(parsed(case)),
    "interfaces-write": written,
}
