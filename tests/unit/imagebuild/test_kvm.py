"""The build asks the product's own probe."""

from __future__ import annotations

from imagebuild import kvm

from hostd.node import kvm_probe


def test_the_build_and_the_host_agree() -> None:
    assert kvm.usable() is kvm_probe.probe().usable
