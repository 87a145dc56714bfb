"""Leases: compare-and-set on the version, and time that only counts where it was seen to pass."""

from __future__ import annotations

from hostd.cluster import leases
from hostd.cluster.fs.mutations import Mutation
from hostd.cluster.fs.replicate import Origin, Proposal, evaluate
from hostd.cluster.fs.tree import Tree
from hostd.cluster.leases import Held, Lease, Watch


def change(tree: Tree, mutation: Mutation) -> bool:
    (entry,) = evaluate(tree, 1, [Proposal(id=1, mutation=mutation, origin=Origin(node="a", time_ns=1))])
    tree.absorb(entry.outcome)
    return entry.outcome.refused is None


def held(tree: Tree) -> Lease:
    lease = leases.read(tree, "ha")
    assert lease is not None
    return lease


def test_one_of_two_gets_it_and_a_renewal_stops_the_other() -> None:
    tree = Tree()
    assert change(tree, leases.take(Lease(name="ha", holder="a", duration_s=20), 1 << 62))
    assert not change(tree, leases.take(Lease(name="ha", holder="b", duration_s=20), 1 << 62 | 16))
    seen = held(tree)
    assert change(tree, leases.take(seen, 1 << 62 | 32))
    late = Lease(name="ha", holder="b", duration_s=20, version=seen.version)
    assert not change(tree, leases.take(late, 1 << 62 | 48))
    assert held(tree).holder == "a"
    assert change(tree, leases.release(held(tree)))
    assert leases.read(tree, "ha") is None


def test_the_holder_counts_from_before_it_asked() -> None:
    lease = Held(Lease(name="ha", holder="a", duration_s=20), proposed_s=100)
    assert lease.is_held(119.9)
    assert not lease.is_held(120)


def test_a_jump_is_not_time_that_was_seen() -> None:
    tree, watch = Tree(), Watch()
    change(tree, leases.take(Lease(name="ha", holder="a", duration_s=20), 1 << 62))
    watch.look(leases.all_leases(tree), 0)
    watch.look(leases.all_leases(tree), 10_000)
    assert not watch.expired(held(tree))
    for second in range(25):
        watch.look(leases.all_leases(tree), 10_000 + second)
    assert watch.expired(held(tree))
    change(tree, leases.take(held(tree), 1 << 62 | 16))
    assert not watch.expired(held(tree))


def test_a_kept_lease_does_not_run_out() -> None:
    tree, watch = Tree(), Watch()
    assert change(tree, leases.take(Lease(name="ha", holder="a", duration_s=2, kept=True), 1 << 62))
    assert held(tree).kept
    for second in range(100):
        watch.look(leases.all_leases(tree), second)
    assert not watch.expired(held(tree))
    assert change(tree, leases.take(Lease(name="ha", holder="a", duration_s=2, version=held(tree).version), 1 << 62))
    for second in range(100, 110):
        watch.look(leases.all_leases(tree), second)
    assert watch.expired(held(tree))
