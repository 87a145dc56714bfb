"""Whether KVM is usable here: asks the very probe that runs on users' hosts (``hostd/node/kvm_probe.py``)."""

from __future__ import annotations

import json

from imagebuild.context import SOURCE
from imagebuild.shell import StepFailed, output


def usable() -> bool:
    """True only where the probe found KVM real; a device that merely answers is not enough (DESIGN, pitfalls)."""
    try:
        verdict = json.loads(output(["/usr/bin/python3", "-m", "hostd.node.kvm_probe"], cwd=SOURCE))
    except (StepFailed, ValueError):
        return False
    return bool(verdict["usable"])
