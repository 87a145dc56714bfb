"""What the kernel can have cached, and so what it must be told to forget."""

from __future__ import annotations

import trio

from hostd.cluster.fs.caches import Caches, Known
from hostd.cluster.fs.tree import ROOT


def test_an_inode_is_known_as_often_as_it_was_told() -> None:
    known = Known()
    assert ROOT in known
    assert 7 not in known
    known.told(7)
    known.told(7)
    known.forgotten(7, 1)
    assert 7 in known
    known.forgotten(7, 1)
    assert 7 not in known
    known.forgotten(7, 1)
    assert 7 not in known


def test_settling_waits_only_for_what_was_put() -> None:
    async def main() -> None:
        caches = Caches(Known())
        with trio.fail_after(5):
            await caches.settle()
            caches.forget_name(1, "a")
            await caches.settle()
        assert caches.stop()
        with trio.fail_after(1):
            await caches.settle()  # the thread has gone, and nothing is waited for

    trio.run(main)
