"""schemathesis against the node's own OpenAPI description; bounded, and the same cases each time.

A change is judged by what it changed: new cases are looked for by `make fuzz MINUTES=30`, with another seed each time.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.lib.inside import Inside, check_unharmed, look

FUZZ = Path(__file__).resolve().parents[1] / "bin/fuzz"
SECONDS = "90"
SEED = "1"


def test_every_answer_is_described_and_none_is_a_bugs(inside: Inside) -> None:
    before = look(inside)
    env = {"FUZZ_SEED": SEED, **os.environ}
    seconds = os.environ.get("FUZZ_SECONDS", SECONDS)
    done = subprocess.run([FUZZ, seconds], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    check_unharmed(inside, before)
