from __future__ import annotations

import pytest

from hostd.core.errors import ParseError
from hostd.ha import budget, config, groups, status
from hostd.ha.states import DisarmMode, Move, NodeState, Requested, ServiceState
from hostd.ha.status import Disarm, ManagerStatus, Noted, Service


def test_a_node_is_off_before_its_lock_can_be_taken() -> None:
    assert budget.REPLY_S + budget.WATCHDOG_S + budget.DEVICE_S + budget.MARGIN_S <= budget.LOCK_S


def test_resources() -> None:
    text = "vm: 101\n\tstate enabled\n\tmax_restart 3\n\nct: 7\n\tfailback 0\n\tgroup pair\n\nvm: 5\n\tstate nonsense\n"
    found = config.parse_resources(text, {"101": "alpha", "7": "beta"})
    assert list(found) == ["ct:7", "vm:101", "vm:5"]
    assert found["vm:101"] == config.Resource(sid="vm:101", node="alpha", requested=Requested.STARTED, max_restart=3)
    assert found["ct:7"] == config.Resource(sid="ct:7", node="beta", failback=False, group="pair")
    assert found["vm:5"] == config.Resource(sid="vm:5", node=None)


def test_groups() -> None:
    found = config.parse_groups("group: pair\n\tnodes alpha:2,beta\n\trestricted 1\n\ngroup: none\n\tnofailback 1\n")
    assert found == {"pair": config.Group(id="pair", nodes={"alpha": 2, "beta": 0}, restricted=True)}


FULL = ManagerStatus(
    master="alpha",
    nodes={"alpha": NodeState.ONLINE, "beta": NodeState.FENCE},
    services={
        "vm:1": Service(
            state=ServiceState.MIGRATE, node="alpha", job="7-1", target="beta", failed_nodes=("beta", "alpha"),
            maintenance_node="beta", noted=Noted(move=Move.RELOCATE, target="alpha"),
        ),
        "vm:2": Service(state=ServiceState.STARTED, node="beta", job="8-1", running=True, noted=Noted(timeout_s=5)),
        "vm:3": Service(state=ServiceState.REQUEST_STOP, node="beta", job="9-1", timeout_s=0),
    },
    maintenance=frozenset({"beta"}),
    disarm=Disarm(mode=DisarmMode.IGNORE),
    jobs=9,
)  # fmt: skip


@pytest.mark.parametrize("given", [FULL, ManagerStatus()])
def test_a_status_is_read_back_as_it_was_written(given: ManagerStatus) -> None:
    assert status.from_wire(status.to_wire(given)) == given


@pytest.mark.parametrize(
    "wire", [{"node_status": {"alpha": "asleep"}}, {"service_status": {"vm:1": {"node": "a"}}}, {"jobs": "x"}]
)
def test_a_status_that_is_none_is_not_guessed_at(wire: dict[str, object]) -> None:
    with pytest.raises(ParseError, match="manager status"):
        status.from_wire(wire)


def test_versions_in_order() -> None:
    ordered = ["8.4.1", "9.0.0~2", "9.0.0~16", "9.0", "9.0-5", "9.0.10", "9.1.2~1", "9.1.2"]
    backwards = ordered[::-1]
    assert sorted(backwards, key=groups.version_key) == ordered
    assert groups.version_key("9.0.0") == groups.version_key("9.0")
