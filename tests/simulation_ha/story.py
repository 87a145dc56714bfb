"""Narrated scenarios: a text that says what there is and what happens, and the log of what followed, as text.

Lines: ``# a sentence``, ``node NAME key=value…``, ``service SID on NODE key=value…``, ``load SID key=value…`` (MiB),
``rule ID positive|negative SID,SID``, ``rule ID nodes NODE[:PRIORITY],… SID,SID [strict]``,
``group ID NODE[:PRIORITY],… [restricted] [nofailback]``, ``option key=value…``,
``then COMMAND; COMMAND…`` (the next round with commands).
"""

from __future__ import annotations

from typing import Any

from hostd.ha import incidents
from hostd.ha.accounts import account
from hostd.ha.config import parse_nodes
from hostd.ha.events import Kind
from hostd.ha.observed import of_event
from tests.simulation_ha.scenario import Scenario

_MIB = 1 << 20
_AUTO = {"auto": "enabled", "method": "method", "threshold": "threshold", "hold": "hold_duration", "margin": "margin"}


def parse(text: str) -> dict[str, Any]:
    """The story as a scenario file has it; nodes are off in the beginning."""
    case: dict[str, Any] = {
        "hardware": {},
        "services": {},
        "static_stats": {},
        "dynamic_stats": {},
        "rules": [],
        "groups": [],
        "datacenter": {"auto_rebalance": {}},
        "manager_status": {},
        "commands": [],
    }
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            _read(case, line)
    return case


def _read(case: dict[str, Any], line: str) -> None:
    verb, _, rest = line.partition(" ")
    words = rest.split()
    match verb, words:
        case "node", [name, *pairs]:
            case["hardware"][name] = {"power": "off", "network": "off", **_pairs(pairs)}
        case "service", [sid, "on", node, *pairs]:
            case["services"][sid] = {"node": node, **_pairs(pairs)}
        case "load", [sid, *pairs]:
            given = _pairs(pairs)
            limit = {"maxcpu": float(given.get("maxcpu", 0)), "maxmem": float(given.get("maxmem", 0)) * _MIB}
            case["static_stats"][sid] = limit
            case["dynamic_stats"][sid] = {"cpu": float(given.get("cpu", 0)), "mem": float(given.get("mem", 0)) * _MIB}
        case "rule", [id, ("positive" | "negative") as affinity, sids]:
            wire = {"id": id, "type": "resource-affinity", "resources": sids.split(","), "affinity": affinity}
            case["rules"].append(wire)
        case "rule", [id, "nodes", nodes, sids, *flags]:
            wire = {"id": id, "type": "node-affinity", "resources": sids.split(","), "nodes": parse_nodes(nodes)}
            case["rules"].append(wire | {"strict": "strict" in flags})
        case "group", [id, nodes, *flags]:
            wire = {"id": id, "nodes": parse_nodes(nodes), **dict.fromkeys(flags, True)}
            case["groups"].append(wire)
        case "option", pairs:
            for key, value in _pairs(pairs).items():
                place = case["datacenter"]["auto_rebalance"] if key in _AUTO else case["datacenter"]
                place[_AUTO.get(key, key)] = value
        case "then", _:
            case["commands"].append([command.strip() for command in rest.split(";") if command.strip()])
        case _:
            raise ValueError(f"not understood: {line!r}")


def _pairs(words: list[str]) -> dict[str, Any]:
    flags = {"failback", "rebalance_on_start", "auto"}
    pairs = (word.partition("=") for word in words)
    return {key: value == "1" if key in flags else value for key, _, value in pairs}


def log(text: str) -> str:
    """What followed, one event a line; the end of everything as two lists."""
    lines: list[str] = []
    Scenario(parse(text), lambda event: lines.extend(_lines(event))).run()
    return "\n".join(lines) + "\n"


def accounts(text: str) -> str:
    """The accounts of the story's incidents, by what its managers told; empty where nothing was lost."""
    book, homes = incidents.Book(), dict[str, str]()

    def take(event: dict[str, Any]) -> None:
        nonlocal book
        if event.get("by") != "crm" or event["event"] not in set(Kind):
            return
        told = {key: ",".join(value) if isinstance(value, list) else str(value) for key, value in event.items()}
        seen = of_event(
            Kind(event["event"]), told, at_s=event["t"], by=event["on"], home=lambda sid: homes.get(sid, "")
        )
        if event["event"] in (Kind.SERVICE_ADDED, Kind.SERVICE_STATE) and "node" in told:
            homes[told["sid"]] = told["node"]
        book = incidents.tick(incidents.take(book, seen) if seen else book, event["t"])

    Scenario(parse(text), take).run()
    found = [line for each in book.incidents.values() for line in (*account(each).lines(), "")]
    return "\n".join(found)


def _lines(event: dict[str, Any]) -> list[str]:
    fields = {key: value for key, value in event.items() if key not in ("t", "on", "by", "event")}
    if event["event"] == "final":
        return [f"finally {name}: {_words(each)}" for part in fields.values() for name, each in part.items()]
    who = f"{event['on']}/{event['by']}" if "on" in event else event["by"]
    return [f"{event['t']:5} {who:10} {event['event']} {_words(fields)}".rstrip()]


def _words(fields: dict[str, Any]) -> str:
    def shown(value: Any) -> str:
        return ",".join(map(str, value)) or "-" if isinstance(value, list) else "-" if value is None else str(value)

    return " ".join(f"{key}={shown(value)}" for key, value in fields.items())
