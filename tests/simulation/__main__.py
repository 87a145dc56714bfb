"""``python3 -m tests.simulation --runs N --seed S``: many runs, progress, coverage of fault pairs, failing seeds."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.world import Fault, simulate


def named(pair: frozenset[Fault]) -> str:
    """Of two different faults, or of one that struck twice."""
    return " and ".join(sorted(pair)) if len(pair) == 2 else f"{min(pair)} twice"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the others follow")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    start = time.monotonic()
    pairs: Counter[frozenset[Fault]] = Counter()
    totals: Counter[str] = Counter()
    failed = []
    seeds = range(options.seed, options.seed + options.runs)
    with ProcessPoolExecutor(options.processes) as pool:
        for done, result in enumerate(pool.map(simulate, seeds, chunksize=20), 1):
            pairs.update({frozenset(pair) for pair in itertools.combinations(result.faults, 2)})
            totals.update(
                proposed=result.proposed,
                acknowledged=result.acknowledged,
                unknown=result.unknown,
                snapshots=result.snapshots,
                faults=len(result.faults),
            )
            if result.broken:
                failed.append(result)
                print(f"FAILED seed {result.seed} ({result.nodes} nodes, {', '.join(result.faults)}): {result.broken}")
                print(f"  replay: bin/in-tools python3 -m tests.simulation --runs 1 --seed {result.seed}", flush=True)
            if done % 1000 == 0:
                print(f"{done} runs, {len(failed)} failed, {time.monotonic() - start:.0f} s", flush=True)
    possible = len(Fault) * (len(Fault) + 1) // 2
    rarest, seldom = min(((n, named(pair)) for pair, n in pairs.items()), default=(0, "none"))
    print(f"{options.runs} runs in {time.monotonic() - start:.0f} s: {dict(totals)}")
    print(f"pairs of faults covered: {len(pairs)} of {possible}, the rarest {rarest} times ({seldom})")
    print(f"{len(failed)} runs failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
