"""The command line: installing, and the modes that only look."""

from __future__ import annotations

import argparse
import dataclasses
import json
import secrets
import sys
from pathlib import Path
from typing import Final

from hostd.core.errors import HostError
from hostd.core.run import run
from installer import probe
from installer.answer_file import AnswerError
from installer.answers import parse_answers
from installer.dhcp import ask_network
from installer.execute import parse_pause_point
from installer.find_answer import find_answer
from installer.install import BAD_ANSWER, DONE, FAILED, Options, install
from installer.locales import system_locales
from installer.machine import dump_machine, load_machine
from installer.plan.make import DEFAULT_SOURCE, STAGES, make_plan
from installer.reference_config import to_reference
from installer.resolve import explain, resolve
from installer.zfs_memory import default_arc_mib

BAD_ARGUMENTS: Final = 64


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="holdfast-installer",
        description="Install Holdfast as an answer file says. The disks it names are wiped.",
        epilog="Exit codes: 0 done, 1 failed, 2 the answer file cannot be used, 64 wrong arguments.",
    )
    what = made.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="print the plan; nothing is changed")
    what.add_argument("--check-answer", action="store_true", help="check the answer file; nothing is changed")
    what.add_argument("--show-config", action="store_true", help="print the choices as JSON, with the password")
    what.add_argument("--record-machine", action="store_true", help="print the facts about this machine as JSON")
    made.add_argument("--auto", action="store_true", help="as at boot: reboot at the end as the answers say")
    made.add_argument("--answer", type=Path, metavar="FILE", help="the answer file; else it is searched for")
    made.add_argument("--machine", type=Path, metavar="FILE", help="plan for a recorded machine instead of this one")
    made.add_argument("--source", default=DEFAULT_SOURCE, metavar="FILE", help="the system to unpack (squashfs)")
    made.add_argument("--seed", type=int, help="fixes the identifiers of a plan, to compare plans")
    made.add_argument("--pause-at", metavar="STAGE[+N]", help=f"stop there to look around; one of {', '.join(STAGES)}")
    return made


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    looking = options.dry_run or options.check_answer or options.show_config
    if options.machine and not looking:
        print("error: --machine goes with --dry-run, --check-answer or --show-config only", file=sys.stderr)
        return BAD_ARGUMENTS
    try:
        if options.record_machine:
            return record()
        if looking:
            return look(options)
        pause = parse_pause_point(options.pause_at) if options.pause_at else None
    except AnswerError as err:
        print(f"error: the answer file cannot be used\n{explain(err)}", file=sys.stderr)
        return BAD_ANSWER
    except HostError as err:
        print(f"error: {err}", file=sys.stderr)
        return FAILED
    except OSError as err:
        print(f"error: {err.filename}: {err.strerror}", file=sys.stderr)
        return FAILED
    return install(
        Options(answer=options.answer, source=options.source, seed=options.seed, pause=pause, auto=options.auto), run
    )


def record() -> int:
    """Print this machine as JSON; the network is asked, disks are only looked at."""
    machine = probe.probe(run)
    network = ask_network(run, machine.network, lambda text: print(text, file=sys.stderr))
    print(dump_machine(dataclasses.replace(machine, network=network)), end="")
    return DONE


def look(options: argparse.Namespace) -> int:
    """The modes that change nothing. Without a machine, --check-answer looks at the answer file alone."""
    text = options.answer.read_text() if options.answer else find_answer(run, Path("/proc/cmdline").read_text())[0]
    answers = parse_answers(text)
    for warning in answers.document.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if options.check_answer and not options.machine:
        print("The answer file is well formed. To see whether it fits a machine, add --machine FILE.")
        return DONE
    machine = load_machine(options.machine.read_text()) if options.machine else probe.probe(run)
    if options.show_config:
        target = resolve(machine, answers, system_locales())
        config = to_reference(target, machine, arc_max_mib=default_arc_mib(machine.memory_mib))
        print(json.dumps(config, indent=2, sort_keys=True))
        return DONE
    seed = secrets.randbits(128) if options.seed is None else options.seed
    plan = make_plan(machine, answers, system_locales(), seed=seed, source=options.source)
    print("The answer file fits the machine." if options.check_answer else plan.describe().rstrip("\n"))
    return DONE
