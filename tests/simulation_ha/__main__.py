"""``python3 -m tests.simulation_ha --runs N --seed S``: many runs with faults; ``--log`` tells one."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.simulation_ha.faults import BOUND_S, Fault, simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.simulation_ha", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the others follow")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--log", action="store_true", help="tell what happened in the run of --seed, and nothing else")
    options = parser.parse_args()
    if options.log:
        run = simulate(options.seed)
        print(*run.log, sep="\n")
        print(f"settled {run.settled_s} s after the last fault" if not run.broken else f"BROKEN: {run.broken}")
        return 1 if run.broken else 0
    start = time.monotonic()
    pairs: Counter[frozenset[Fault]] = Counter()
    failed = resets = 0
    settled: list[float] = []
    seeds = range(options.seed, options.seed + options.runs)
    with ProcessPoolExecutor(options.processes) as pool:
        for done, run in enumerate(pool.map(simulate, seeds, chunksize=20), 1):
            pairs.update({frozenset(pair) for pair in itertools.combinations(run.faults, 2)})
            resets += run.resets
            if run.broken:
                failed += 1
                print(f"FAILED seed {run.seed} ({', '.join(run.faults)}): {run.broken}")
                print(f"  replay: python3 -m tests.simulation_ha --log --seed {run.seed}", flush=True)
            elif run.settled_s is not None:
                settled.append(run.settled_s)
            if done % 1000 == 0:
                print(f"{done} runs, {failed} failed, {time.monotonic() - start:.0f} s", flush=True)
    possible = len(Fault) * (len(Fault) + 1) // 2
    settled.sort()
    print(f"{options.runs} runs in {time.monotonic() - start:.0f} s, {resets} nodes were reset")
    print(f"pairs of faults covered: {len(pairs)} of {possible}, each in at least {min(pairs.values())} runs")
    if settled:
        half, last = settled[len(settled) // 2], settled[-1]
        print(
            f"all services run after the last fault: median {half:.0f} s, longest {last:.0f} s, bound {BOUND_S:.0f} s"
        )
    print(f"{failed} runs failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
