"""High availability as the tree holds it: where its files are, and what this node's copy of them says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from hostd.cluster import datacenter
from hostd.cluster.store import File, Mirror, Store
from hostd.core.errors import NotFound, ParseError
from hostd.guests.config import GuestKind, GuestPath, parse_path
from hostd.ha import config, fencedevices, rules, spread, status
from hostd.ha import incidents as incident_book
from hostd.ha.config import Group, Options, Resource
from hostd.ha.fencedevices import Devices
from hostd.ha.incidents import Incident
from hostd.ha.observed import AgentSeen
from hostd.ha.rules import Rule
from hostd.ha.status import ManagerStatus, Publication

FOLDER: Final = "ha"
RESOURCES: Final = "ha/resources.cfg"
GROUPS: Final = "ha/groups.cfg"
RULES: Final = "ha/rules.cfg"
COMMANDS: Final = "ha/crm_commands"
STATUS: Final = "ha/manager_status"
DEVICES: Final = "ha/fence.cfg"
INCIDENTS: Final = "ha/incidents"
BALANCE: Final = "ha/balance.cfg"
MOVES: Final = "ha/balance_moves"
TYPES: Final[Mapping[str, GuestKind]] = {"ct": GuestKind.LXC, "vm": GuestKind.QEMU}
TYPE_OF: Final[Mapping[GuestKind, str]] = {kind: type for type, kind in TYPES.items()}


def publication_path(node: str) -> str:
    return f"nodes/{node}/lrm_status"


def incident_path(id: str) -> str:
    return f"{INCIDENTS}/{id}"


def text(mirror: Mirror, path: str) -> str:
    """A file's text; empty where there is none."""
    file = mirror.get(path)
    return file.data.decode(errors="replace") if file else ""


def guests(mirror: Mirror) -> dict[str, GuestPath]:
    """Every guest of the cluster by the id of its service."""
    found = (parse_path(file.path) for file in mirror.glob("nodes/"))
    return {f"{TYPE_OF[where.kind]}:{where.vmid}": where for where in found if where}


def resources(mirror: Mirror) -> dict[str, Resource]:
    """Services by id, sorted. One whose guest is of the other kind has no node, as one without guest."""
    homes = guests(mirror)
    found = config.parse_resources(text(mirror, RESOURCES), {})
    return {sid: replace(each, node=homes[sid].node) if sid in homes else each for sid, each in found.items()}


def groups(mirror: Mirror) -> dict[str, Group]:
    return config.parse_groups(text(mirror, GROUPS))


def rules_of(mirror: Mirror) -> list[Rule]:
    return rules.parse(text(mirror, RULES))


def options(mirror: Mirror) -> Options:
    return config.options_of(datacenter.of(mirror))


def wants_devices(mirror: Mirror) -> bool:
    """Whether the cluster's option ``fencing`` asks for hardware."""
    return datacenter.of(mirror).get("fencing", "watchdog") in ("hardware", "both")


def fence_devices(mirror: Mirror) -> Devices:
    """The devices that cut a lost node's power; none unless they are wanted."""
    return fencedevices.parse(text(mirror, DEVICES)) if wants_devices(mirror) else Devices()


def commands(mirror: Mirror) -> Sequence[str]:
    """What users have queued for the manager, oldest first."""
    return [line for line in text(mirror, COMMANDS).splitlines() if line.strip()]


def _json(mirror: Mirror, path: str) -> Mapping[str, Any]:
    return _object(path, text(mirror, path))


def _object(path: str, written: str) -> Mapping[str, Any]:
    try:
        found = json.loads(written) if written.strip() else {}
    except ValueError as err:
        raise ParseError(f"/etc/pve/{path}: {err}") from err
    if not isinstance(found, dict):
        raise ParseError(f"/etc/pve/{path}: no object")
    return found


def raw_status(mirror: Mirror) -> Mapping[str, Any]:
    """The manager's status as it is written; ``timestamp``: when (seconds since 1970). Raises ParseError."""
    return _json(mirror, STATUS)


def manager_status(mirror: Mirror) -> ManagerStatus:
    """Raises ParseError."""
    return status.from_wire(raw_status(mirror))


def raw_publication(mirror: Mirror, node: str) -> Mapping[str, Any]:
    """What the node's agent last wrote, with ``timestamp``; empty where it never did. Raises ParseError."""
    return _json(mirror, publication_path(node))


def publication(mirror: Mirror, node: str) -> Publication | None:
    """Raises ParseError."""
    raw = raw_publication(mirror, node)
    return status.publication_from_wire(raw) if raw else None


def agent_seen(mirror: Mirror, node: str) -> AgentSeen:
    """What a node's agent tells of itself. Raises ParseError."""
    raw = raw_publication(mirror, node)
    ended = raw.get("ended") or {}
    try:
        return AgentSeen(
            state=str(raw.get("state", "")),
            mode=str(raw.get("mode", "")),
            boot=str(raw.get("boot", "")),
            ended_s=int(ended.get("at", 0)),
            ended=tuple(str(sid) for sid in ended.get("guests", ())),
        )
    except (TypeError, ValueError, AttributeError) as err:
        raise ParseError(f"publication of an agent: {type(err).__name__}: {err}") from err


def incidents(mirror: Mirror) -> list[Incident]:
    """Incidents that are kept, the oldest first; one that cannot be read is left out."""
    found = []
    for file in mirror.glob(f"{INCIDENTS}/"):
        try:
            found.append(_incident(file.path, file))
        except ParseError:
            continue  # a newer node's: not ours to judge
    return sorted(found, key=lambda each: (each.begun_s, each.id))


def incident(mirror: Mirror, id: str) -> Incident:
    """Raises NotFound, ParseError."""
    return _incident(id, mirror.get(incident_path(id)))


def read_incident(store: Store, id: str) -> Incident:
    """The same as the store has it now."""
    try:
        return _incident(id, store.read(incident_path(id)))
    except NotFound as err:
        raise NotFound(f"no such incident: '{id}'") from err


def _incident(id: str, file: File | None) -> Incident:
    if file is None:
        raise NotFound(f"no such incident: '{id}'")
    return incident_book.from_wire(_object(file.path, file.data.decode(errors="replace")))


def balance_wish(mirror: Mirror) -> spread.Wish:
    """Which machines are balanced."""
    return spread.parse(text(mirror, BALANCE).encode())


def moves(mirror: Mirror) -> list[spread.Move]:
    """Moves that balancing of machines made lately, the oldest first. Raises ParseError."""
    return spread.from_wire(_json(mirror, MOVES))


def read_moves(store: Store) -> tuple[list[spread.Move], int]:
    """The same as the store has it now, with the file's version (0: there is none)."""
    try:
        file = store.read(MOVES)
    except NotFound:
        return [], 0
    return spread.from_wire(_object(MOVES, file.data.decode(errors="replace"))), file.version


def states(mirror: Mirror) -> dict[int, str]:
    """The manager's state of each guest that it looks after, by the guest's id; empty where it cannot be read."""
    try:
        services = raw_status(mirror).get("service_status", {})
        return {int(sid.partition(":")[2]): str(service["state"]) for sid, service in services.items()}
    except (ParseError, ValueError, KeyError, TypeError, AttributeError):
        return {}
