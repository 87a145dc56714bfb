"""Verdicts about hardware virtualization from what hosts show; the timing itself is a separate program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hostd.node.kvm_probe import Verdict, judge, native_s, verdict
from tests.fakes.run import FakeRun

INTEL = "processor\t: 0\nflags\t\t: fpu vmx sse\n"


@pytest.mark.parametrize(
    ("cpuinfo", "device", "paravirtual", "ratio", "usable", "words"),
    [
        (INTEL, True, False, 1.1, True, "works"),
        (INTEL.replace("vmx", "svm"), True, False, 30.0, True, "works"),  # nested, on an emulated host
        (INTEL, True, False, 9000.0, False, "9000 times slower"),
        (INTEL, False, False, 1.0, False, "does not exist"),
        (INTEL.replace("vmx ", ""), True, False, 1.0, False, "neither vmx nor svm"),
        (INTEL, True, True, 1.0, False, "kvm_pvm"),
    ],
)
def test_verdicts(cpuinfo: str, device: bool, paravirtual: bool, ratio: float, usable: bool, words: str) -> None:
    found = judge(cpuinfo=cpuinfo, device=device, paravirtual=paravirtual, ratio=lambda: ratio)
    assert (found.usable, words in found.reason) == (usable, True)


def test_a_device_that_fails_is_no_crash() -> None:
    def broken() -> float:
        raise OSError("reason 17")

    found = judge(cpuinfo=INTEL, device=True, paravirtual=False, ratio=broken)
    assert not found.usable
    assert "reason 17" in found.reason


def test_the_native_loop_counts() -> None:
    assert native_s(2_000_000) > native_s(2_000) > 0


def test_one_probe_for_a_boot(tmp_path: Path) -> None:
    cache = str(tmp_path / "run" / "kvm.json")
    run = FakeRun({"": json.dumps({"usable": True, "reason": "works", "ratio": 1.5})})
    assert verdict(run, cache) == Verdict(usable=True, reason="works", ratio=1.5)
    assert verdict(run, cache).usable
    assert len(run.calls) == 1
    assert run.calls[0][1:] == ["-m", "hostd.node.kvm_probe"]


def test_a_probe_that_hangs_means_no(tmp_path: Path) -> None:
    found = verdict(FakeRun({"": 1}), str(tmp_path / "kvm.json"))
    assert not found.usable
