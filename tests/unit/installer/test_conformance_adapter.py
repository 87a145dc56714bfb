"""The adapter's contract: one answer a line, unknown things say so, and it ends well."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

ADAPTER = ROOT / "tests/bin/conformance-adapter"


def ask(area: str, *lines: object) -> list[dict[str, object]]:
    text = "\n".join(json.dumps(line) for line in lines)
    done = subprocess.run([str(ADAPTER), area], input=text, capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_unknown_things() -> None:
    unimplemented = {"error": {"kind": "unimplemented"}}
    assert ask("no-such-area", {"op": "x"}) == [unimplemented]
    assert ask("installer", {"op": "x"}, {}) == [unimplemented] * 2


def test_results_and_errors_in_order() -> None:
    found = ask("installer", {"op": "fqdn-parse", "fqdn": "a.b"}, {"op": "fqdn-parse", "fqdn": None})
    assert found[0] == {"ok": {"host": "a", "domain": "b"}}
    assert set(found[1]) == {"error"}


def test_all_given_cases(shared: Path) -> None:
    checker = shared / "conformance/check.py"
    if not checker.is_file():
        pytest.skip("the shared conformance cases are not here")
    done = subprocess.run(
        ["python3", str(checker), "--adapter", str(ADAPTER), "installer"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout[-2000:]
