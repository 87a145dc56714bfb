"""The command line of ``tests/bin/ha-simulator``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.simulation_ha import answers, story
from tests.simulation_ha.scenario import Scenario
from tests.simulation_ha.watch import Screen


def main() -> int:
    parser = argparse.ArgumentParser(prog="ha-simulator", description="Play a scenario of high availability.")
    parser.add_argument("case", type=Path, help="a scenario, rules, fence devices, bundles (JSON) or a story")
    parser.add_argument("--watch", action="store_true", help="show a scenario live in the terminal, a screen a round")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two screens")
    options = parser.parse_args()
    text = options.case.read_text()
    case: dict[str, Any] = {"kind": "scenario", **story.parse(text)} if text.startswith("#") else json.loads(text)
    match case["kind"]:
        case "scenario" if options.watch:
            screen = Screen(options.pause)
            Scenario(case, screen.take, screen.draw).run()
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
