"""Nobody loses the token, and so the membership, while the processors are busy for long (``LOAD_MINUTES=60``).

Corosync runs as it is shipped, with its priority; everything else is beside three busy loops on each node.
"""

from __future__ import annotations

import os
import sys
import time

import pytest

from tests.lib.storenodes import StoreNode, stores, together

MINUTES = float(os.environ.get("LOAD_MINUTES") or "0")
LOOPS = 3
BUSY = [sys.executable, "-c", "while True: pass"]


def tokens_lost(node: StoreNode) -> int:
    with node.client(timeout_s=60) as store:
        found = store.health()
    assert found is not None
    return found.tokens_lost


@pytest.mark.skipif(not MINUTES, reason="long: LOAD_MINUTES=60 says how long")
def test_the_membership_outlives_full_load() -> None:
    with stores(3, realtime=True) as (_, nodes):
        together(nodes.values())
        before = {number: (tokens_lost(node), node.standing()["version"]) for number, node in nodes.items()}
        for node in nodes.values():
            for number in range(LOOPS):
                node.node.start(f"busy{number}", BUSY)
        writes, longest_s, loads = 0, 0.0, []
        end = time.monotonic() + MINUTES * 60
        while time.monotonic() < end:
            for node in nodes.values():
                begin = time.monotonic()
                with node.client(timeout_s=60) as store:
                    store.write("under-load", str(writes).encode())
                writes, longest_s = writes + 1, max(longest_s, time.monotonic() - begin)
            loads.append(os.getloadavg()[0])
            time.sleep(1)
        print(
            f"{MINUTES:g} minutes, load {min(loads[len(loads) // 10 :]):.0f} to {max(loads):.0f}: {writes} writes, "
            f"none refused, the longest took {longest_s:.2f} s"
        )
        for number, node in nodes.items():
            assert (tokens_lost(node), node.standing()["version"]) == before[number], node.node.name
            for number in range(LOOPS):
                node.node.kill(f"busy{number}")
        together(nodes.values())
