"""Balloons: one round's targets, and many rounds on a host that is made up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.core.units import GIB, MIB
from hostd.guests.qemu import ballooning
from hostd.guests.qemu.ballooning import Balloon, HostMemory

TOTAL = 25 * GIB
SHARES = st.integers(1, 50_000)


def balloon(vmid: int, size: int, least: int, most: int, shares: int = 1000, **more: int) -> Balloon:
    """Sizes in MiB; the guest has all that it has been given to spare."""
    values = {"asked": size, "usable": size, **more}
    return Balloon(
        vmid=vmid,
        size=size * MIB,
        asked=values["asked"] * MIB,
        least=least * MIB,
        most=most * MIB,
        usable=values["usable"] * MIB,
        shares=shares,
    )


def host(used_mib: int, total: int = TOTAL) -> HostMemory:
    return HostMemory(total=total, available=total - used_mib * MIB)


GOAL = TOTAL // MIB * 80 // 100


@st.composite
def fleets(draw: st.DrawFn) -> list[Balloon]:
    found = []
    for vmid in range(100, 100 + draw(st.integers(1, 6))):
        least = draw(st.integers(16, 8192))
        most = draw(st.integers(least, 16384))
        size = draw(st.integers(16, 20000))
        asked = draw(st.sampled_from([size, draw(st.integers(16, 20000))]))
        usable = draw(st.integers(0, size))
        found.append(balloon(vmid, size, least, most, draw(SHARES), asked=asked, usable=usable))
    return found


@given(fleets(), st.integers(0, TOTAL // MIB), st.integers(0, 100))
def test_no_target_is_out_of_bounds(fleet: list[Balloon], used: int, percent: int) -> None:
    targets = ballooning.plan(host(used), percent, fleet)
    for each in fleet:
        if each.vmid in targets:
            target = targets[each.vmid] * MIB
            assert each.least <= target <= each.most
            assert target != each.asked
        else:
            assert each.least <= each.asked <= each.most


@given(fleets(), st.integers(0, TOTAL // MIB), st.integers(0, 100))
def test_a_round_moves_all_one_way_and_not_beyond_the_mark(fleet: list[Balloon], used: int, percent: int) -> None:
    settled = [replace(b, size=(size := min(max(b.size, b.least), b.most)), asked=size) for b in fleet]
    targets = ballooning.plan(host(used), percent, settled)
    moves = [targets[b.vmid] * MIB - b.size for b in settled if b.vmid in targets]
    excess = used * MIB - TOTAL * percent // 100
    assert all(move < 0 for move in moves) or all(move > 0 for move in moves)
    if moves and moves[0] < 0:
        assert 0 < -sum(moves) <= excess
    if moves and moves[0] > 0:
        assert 0 < sum(moves) <= -excess - TOTAL // 100


def rounds(fleet: list[Balloon], other_mib: int, count: int, total: int = TOTAL) -> list[list[Balloon]]:
    """Guests that do what they are told and use all they have; ``other_mib`` are the host's own."""
    seen = [fleet]
    for _ in range(count):
        used = other_mib + sum(b.size for b in fleet) // MIB
        targets = ballooning.plan(host(used, total), 80, fleet)
        fleet = [
            replace(b, size=(size := targets.get(b.vmid, b.size // MIB) * MIB), asked=size, usable=size) for b in fleet
        ]
        seen.append(fleet)
        if not targets:
            break
    return seen


@settings(max_examples=40)
@given(fleets(), st.integers(0, TOTAL // MIB))
def test_it_comes_to_rest_at_the_mark_or_at_a_bound(fleet: list[Balloon], other: int) -> None:
    settled = [replace(b, size=(size := min(max(b.size, b.least), b.most)), asked=size, usable=size) for b in fleet]
    seen = rounds(settled, other, 400)
    sums = [sum(b.size for b in each) for each in seen]
    assert sums == sorted(sums) or sums == sorted(sums, reverse=True), "it never turns round"
    assert len(seen) <= 400, "it rests"
    last = seen[-1]
    excess = other * MIB + sums[-1] - TOTAL * 80 // 100
    if excess > len(last) * MIB:  # what whole MiB leave
        assert all(b.size == b.least for b in last)
    if excess < -TOTAL // 100 - len(last) * MIB:
        assert all(b.size == b.most for b in last)


def test_spare_memory_goes_by_shares() -> None:
    """Four machines with 1 GiB at least and much at most; one has three times the others' shares."""
    fleet = [balloon(n, 1024, 1024, 16384, 3000 if n == 100 else 1000) for n in range(100, 104)]
    last = rounds(fleet, 12 * 1024, 400)[-1]
    beyond = [(b.size - b.least) // MIB for b in last]
    assert beyond[0] == pytest.approx(3 * beyond[1], rel=0.01)
    assert beyond[1] == pytest.approx(beyond[2], rel=0.01)


def test_what_one_cannot_take_goes_to_the_others() -> None:
    fleet = [balloon(100, 512, 512, 600, 50_000), balloon(101, 512, 512, 8192, 1)]
    assert [b.size // MIB for b in rounds(fleet, 0, 400)[-1]] == [600, 8192]


def test_steps_are_small_and_what_is_on_its_way_counts() -> None:
    one = balloon(100, 4096, 1024, 4096)
    assert ballooning.plan(host(GOAL + 1000), 80, [one]) == {100: 3996}
    assert ballooning.plan(host(GOAL + 40), 80, [one]) == {100: 4056}
    assert ballooning.plan(host(GOAL + 40), 80, [replace(one, asked=4056 * MIB)]) == {}
    large = balloon(100, 65536, 1024, 65536)
    assert ballooning.plan(host(GOAL + 9000), 80, [large]) == {100: 65536 - 1024}


def test_a_guest_that_has_nothing_left_gives_slowly() -> None:
    full = balloon(100, 4096, 1024, 4096, usable=0)
    assert ballooning.plan(host(GOAL + 1000), 80, [full]) == {100: 4084}
    some = balloon(100, 4096, 1024, 4096, usable=120)
    assert ballooning.plan(host(GOAL + 1000), 80, [some]) == {100: 4036}


def test_nothing_moves_below_the_mark_before_there_is_room() -> None:
    one = balloon(100, 2048, 1024, 4096)
    band = TOTAL // MIB // 100
    assert ballooning.plan(host(GOAL), 80, [one]) == {}
    assert ballooning.plan(host(GOAL - band), 80, [one]) == {}
    assert ballooning.plan(host(GOAL - band - 50), 80, [one]) == {100: 2098}


def test_a_promise_is_kept_at_once() -> None:
    short, long = balloon(100, 512, 2048, 4096), balloon(101, 4096, 512, 1024)
    assert ballooning.plan(host(GOAL + 5000), 80, [short]) == {100: 2048}
    assert ballooning.plan(host(GOAL - 200), 80, [long]) == {101: 1024}
