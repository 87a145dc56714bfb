"""Many guests of the cluster: what is asked of each."""

from __future__ import annotations

import pytest

from hostd.guests import bulk_actions
from hostd.guests.bulk import Member
from hostd.guests.bulk_actions import Action, Ask, Leave
from hostd.guests.config import GuestKind

VM = Member(vmid=100, kind=GuestKind.QEMU, node="alpha")
CT = Member(vmid=101, kind=GuestKind.LXC, node="alpha", down_s=20)
ON, OFF = True, False
START = bulk_actions.start(30)
SHUT = bulk_actions.shutdown(180, force=False)
TO_DISK = bulk_actions.suspend(to_disk=True, storage="local")
LIVE = bulk_actions.migrate("beta", online=True, with_local_disks=True)
STILL = bulk_actions.migrate("beta", online=False, with_local_disks=False)


@pytest.mark.parametrize(
    ("action", "one", "runs", "path", "values"),
    [
        (START, VM, OFF, "status/start", {"timeout": 30}),
        (START, CT, OFF, "status/start", {}),
        (bulk_actions.start(None), VM, OFF, "status/start", {}),
        (SHUT, VM, ON, "status/shutdown", {"timeout": 180, "forceStop": 0}),
        (bulk_actions.shutdown(9, force=True), CT, ON, "status/shutdown", {"timeout": 20, "forceStop": 1}),
        (TO_DISK, VM, ON, "status/suspend", {"todisk": 1, "statestorage": "local"}),
        (bulk_actions.suspend(to_disk=False, storage=""), VM, ON, "status/suspend", {}),
        (LIVE, VM, ON, "migrate", {"target": "beta", "online": 1, "with-local-disks": 1}),
        (LIVE, VM, OFF, "migrate", {"target": "beta", "with-local-disks": 1}),
        (LIVE, CT, ON, "migrate", {"target": "beta", "restart": 1}),
        (STILL, CT, ON, "migrate", {"target": "beta"}),
    ],
)
def test_what_is_asked(action: Action, one: Member, runs: bool, path: str, values: dict[str, object]) -> None:
    found = action(one, runs)
    assert isinstance(found, Ask)
    assert (found.path, found.values) == (path, values)


@pytest.mark.parametrize(
    ("action", "one", "runs"),
    [
        (START, VM, ON),
        (SHUT, VM, OFF),
        (TO_DISK, VM, OFF),
        (TO_DISK, CT, ON),
        (bulk_actions.migrate("alpha", online=True, with_local_disks=False), VM, ON),
    ],
)
def test_what_is_left(action: Action, one: Member, runs: bool) -> None:
    assert isinstance(action(one, runs), Leave)
