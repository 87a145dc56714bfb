"""Says what goes on, how long it took, and how long the same stage took last time."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _read(path: Path) -> dict[str, float]:
    try:
        return {str(k): float(v) for k, v in json.loads(path.read_text()).items()}
    except (OSError, ValueError):
        return {}


@contextlib.contextmanager
def stage(cache: Path, name: str) -> Iterator[None]:
    """Announce a stage with the time it took last time (``CACHE/times.json``) and record how long it took now."""
    times = cache / "times.json"
    last = _read(times).get(name)
    say(f"==> {name}" + (f" (last time {last:.0f} s)" if last is not None else ""))
    start = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"!!! {name}: failed after {time.monotonic() - start:.0f} s")
        raise
    took = time.monotonic() - start
    say(f"  ✓ {name}: {took:.1f} s")
    cache.mkdir(parents=True, exist_ok=True)
    times.write_text(json.dumps({**_read(times), name: round(took, 1)}, indent=1))
