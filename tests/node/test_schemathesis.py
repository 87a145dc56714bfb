"""schemathesis against the node's own OpenAPI description; bounded. `make fuzz MINUTES=30` goes on for longer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.lib.inside import Inside, check_unharmed, look

FUZZ = Path(__file__).resolve().parents[1] / "bin/fuzz"
SECONDS = "90"


def test_every_answer_is_described_and_none_is_a_bugs(inside: Inside) -> None:
    before = look(inside)
    done = subprocess.run([FUZZ, os.environ.get("FUZZ_SECONDS", SECONDS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    check_unharmed(inside, before)
