"""docs/status.md says what the code serves (`make api-status` writes it)."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_status_page_is_up_to_date(shared: Path) -> None:
    module = runpy.run_path(str(ROOT / "tests/bin/api-status"))
    theirs = {(m["path"], m["method"]): m for m in json.loads((shared / "api/schema.json").read_text())["methods"]}
    ours = {(e.path, e.method): e.dump() for e in module["collect"](module["ENDPOINT_MODULES"])}
    assert module["report"](ours, theirs) == (ROOT / "docs/status.md").read_text(), "run `make api-status`"
