"""What is asked of each guest when many of the cluster are meant: the method of the single guest, or why none. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hostd.guests.bulk import Member
from hostd.guests.config import GuestKind


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A method below the guest's own path, and its parameters as the API takes them. ``doing``: what the log says."""

    doing: str
    path: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Leave:
    """Nothing is asked of the guest."""

    why: str


Action = Callable[[Member, bool], Ask | Leave]
"""Of a guest and whether it runs."""


def start(timeout_s: int | None) -> Action:
    """``timeout_s``: for machines alone, as containers know none."""

    def decide(one: Member, runs: bool) -> Ask | Leave:
        if runs:
            return Leave(why="it runs already")
        bounded = timeout_s is not None and one.kind is GuestKind.QEMU
        return Ask(doing="starting", path="status/start", values={"timeout": timeout_s} if bounded else {})

    return decide


def shutdown(timeout_s: int, *, force: bool) -> Action:
    """``timeout_s`` counts where the guest's ``startup`` does not say how long its shutdown may take."""

    def decide(one: Member, runs: bool) -> Ask | Leave:
        if not runs:
            return Leave(why="it does not run")
        patience_s = timeout_s if one.down_s is None else one.down_s
        values = {"timeout": patience_s, "forceStop": int(force)}
        return Ask(doing=f"shutting down (timeout = {patience_s} seconds)", path="status/shutdown", values=values)

    return decide


def suspend(*, to_disk: bool, storage: str) -> Action:
    """Machines alone, as when all guests of a node are suspended. ``storage``: for memory on disk, "" the usual one."""

    def decide(one: Member, runs: bool) -> Ask | Leave:
        if one.kind is not GuestKind.QEMU:
            return Leave(why="containers are not suspended")
        if not runs:
            return Leave(why="it does not run")
        values = {"todisk": 1} | ({"statestorage": storage} if storage else {}) if to_disk else {}
        return Ask(doing="suspending", path="status/suspend", values=values)

    return decide


def migrate(target: str, *, online: bool, with_local_disks: bool) -> Action:
    """``online``: guests that run are moved as well, machines while they run, containers by a restart."""

    def decide(one: Member, runs: bool) -> Ask | Leave:
        if one.node == target:
            return Leave(why=f"it is on node '{target}' already")
        values: dict[str, object] = {"target": target}
        if one.kind is GuestKind.QEMU:
            values |= {"online": 1} if online and runs else {}
            values |= {"with-local-disks": 1} if with_local_disks else {}
        elif online and runs:
            values["restart"] = 1
        return Ask(doing=f"migrating to node '{target}'", path="migrate", values=values)

    return decide
