"""The command line of ``tests/bin/ha-simulator``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.simulation_ha import answers
from tests.simulation_ha.scenario import Scenario


def main() -> int:
    parser = argparse.ArgumentParser(prog="ha-simulator", description="Play a scenario of high availability.")
    parser.add_argument("case", type=Path, help="a scenario, or a file of rules, fence devices or bundles (JSON)")
    options = parser.parse_args()
    case: dict[str, Any] = json.loads(options.case.read_text())
    match case["kind"]:
        case "scenario":
            Scenario(case, _print).run()
        case "rules":
            _print(answers.of_rules(case))
        case "fence":
            _print(answers.of_fence(case))
        case "bundles":
            _print(answers.of_bundles(case))
        case other:
            print(f"error: {options.case}: kind {other!r} is not scenario, rules, fence or bundles", file=sys.stderr)
            return 1
    return 0


def _print(event: dict[str, Any]) -> None:
    print(json.dumps(event, ensure_ascii=False))
