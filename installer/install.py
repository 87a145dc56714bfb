"""One installation on this machine, from finding the answer file to the reboot."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import logging
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hostd.core.errors import Conflict, HostError
from hostd.core.run import Run
from installer import probe
from installer.answer_file import AnswerError
from installer.answers import Answers, FqdnFromDhcp, RebootMode, parse_answers
from installer.dhcp import ask_network
from installer.execute import Pause, PausePoint, execute, keep_log_after_failure, parse_pause_point
from installer.find_answer import find_answer
from installer.kernel_cmdline import flag
from installer.locales import system_locales
from installer.machine import Machine, dump_machine
from installer.plan.make import make_plan
from installer.report import LogHandler, Report
from installer.resolve import explain

FOLDER: Final = Path("/run/holdfast-installer")
LOG: Final = Path("/var/log/holdfast-install.log")
TARGET: Final = Path("/target")
BANNER: Final = Path("/run/issue.d/holdfast-installer.issue")
DONE, FAILED, BAD_ANSWER = 0, 1, 2
# Long enough to read the reason before the screen goes.
REBOOT_AFTER_ERROR_S: Final = 20.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line asked for; ``pause`` and the answer file may also come from the kernel's."""

    answer: Path | None
    source: str
    seed: int | None = None
    pause: PausePoint | None = None
    auto: bool = False


def install(options: Options, run: Run) -> int:
    """Install; with ``auto`` then reboot or power off as the answers say. Returns the exit code."""
    loggers = [logging.getLogger(name) for name in ("hostd.core.run", "installer")]
    with contextlib.closing(Report(sys.stdout, LOG, FOLDER / "status.json")) as report:
        handler = LogHandler(report)
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
            logger.addHandler(handler)
        try:
            return Installation(options, run, report).run_through()
        finally:
            for logger in loggers:
                logger.removeHandler(handler)


class Installation:
    """Holds what the steps of one run share; the answers are there once they were read."""

    def __init__(self, options: Options, run: Run, report: Report) -> None:
        self.options, self.run, self.report = options, run, report
        self.answers: Answers | None = None
        self.cmdline = Path("/proc/cmdline").read_text()

    def run_through(self) -> int:
        try:
            with only_one():
                self.work()
        except AnswerError as err:
            return self.failed(explain(err), BAD_ANSWER)
        except HostError as err:
            return self.failed(str(err), FAILED)
        except Exception as err:  # a bug: the log has it all, the person gets a shell like after any other failure
            log.exception("a bug in the installer")
            return self.failed(f"a bug in the installer: {err!r}", FAILED)
        return self.finished()

    def work(self) -> None:
        self.answers = answers = self.read_answers()
        machine = self.machine(answers)
        (FOLDER / "machine.json").write_text(dump_machine(machine))
        seed = secrets.randbits(128) if self.options.seed is None else self.options.seed
        plan = make_plan(machine, answers, system_locales(), seed=seed, source=self.options.source)
        self.report.note("plan:\n" + plan.describe())
        for warning in plan.warnings:
            self.report.say(f"warning: {warning}")
        asked = flag(self.cmdline, "holdfast.pause-at")
        point = self.options.pause or (parse_pause_point(asked) if asked else None)
        pause = Pause(at=point, go_on=FOLDER / "continue")
        execute(plan, run=self.run, target=TARGET, report=self.report, pause=pause)

    def read_answers(self) -> Answers:
        if self.options.answer:
            text, place = self.options.answer.read_text(), str(self.options.answer)
        else:
            text, place = find_answer(self.run, self.cmdline)
        self.report.say(f"answer file: {place}")
        return parse_answers(text)

    def machine(self, answers: Answers) -> Machine:
        """The facts; the network is asked only if an answer depends on it."""
        machine = probe.probe(self.run)
        if answers.network is not None and not isinstance(answers.fqdn, FqdnFromDhcp):
            return machine
        return dataclasses.replace(machine, network=ask_network(self.run, machine.network, self.report.say))

    def finished(self) -> int:
        if not self.options.auto or self.answers is None:
            self.report.done("Holdfast is installed.")
            return DONE
        off = self.answers.reboot_mode is RebootMode.POWER_OFF
        self.report.done(f"Holdfast is installed; {'powering off' if off else 'rebooting'}.")
        self.run(["systemctl", "--no-block", "poweroff" if off else "reboot"])
        return DONE

    def failed(self, reason: str, code: int) -> int:
        """Say why, keep the log, and leave the machine to the person, or reboot if the answers want that."""
        self.report.failed(reason)
        with contextlib.suppress(OSError):
            keep_log_after_failure(TARGET, self.report, self.run)
        if self.options.auto and self.answers and self.answers.reboot_on_error:
            self.report.say(f"rebooting in {REBOOT_AFTER_ERROR_S:g} s, as reboot-on-error says")
            time.sleep(REBOOT_AFTER_ERROR_S)
            self.run(["systemctl", "--no-block", "reboot"])
            return code
        self.report.say(f"log: {LOG}; after mending, start again with: holdfast-installer --auto")
        with contextlib.suppress(OSError):
            BANNER.parent.mkdir(parents=True, exist_ok=True)
            BANNER.write_text(f"\nThe installation failed: {reason.splitlines()[0]}\nLog: {LOG}\n\n")
        return code


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Raises Conflict while another installation runs."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise Conflict("another installation is running") from err
        yield
