"""When KVM is believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from imagebuild import kvm


@pytest.mark.parametrize(
    ("reason", "guest_s", "native_s", "verdict"),
    [
        (kvm.KVM_EXIT_IO, 0.0003, 0.00002, True),
        (kvm.KVM_EXIT_IO, 0.0247, 0.000014, False),  # seen where /dev/kvm answers and emulates
        (17, 0.0001, 0.00002, False),  # KVM_EXIT_INTERNAL_ERROR
    ],
)
def test_kvm_is_believed_only_when_its_loop_runs_like_a_native_one(
    reason: int, guest_s: float, native_s: float, verdict: bool
) -> None:
    assert kvm.believable(reason, guest_s, native_s) is verdict


def test_without_a_device_there_is_no_kvm(tmp_path: Path) -> None:
    assert kvm.usable(tmp_path / "kvm") is False


def test_the_native_loop_runs() -> None:
    assert 0 < kvm.run_native(20_000) < 1
