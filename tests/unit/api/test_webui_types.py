"""The web page's types and limits are those of our own declarations (`make api-types` writes them)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from hostd.api.endpoint import collect
from hostd.daemons.api_wiring import ENDPOINT_MODULES

ROOT = Path(__file__).resolve().parents[3]


def test_the_types_of_the_page_are_up_to_date() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    dump = json.dumps({"methods": [endpoint.dump() for endpoint in collect(ENDPOINT_MODULES)]})
    command = [node, str(ROOT / "webui/scripts/api-types.mjs"), "--check", "-"]
    done = subprocess.run(command, input=dump, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
