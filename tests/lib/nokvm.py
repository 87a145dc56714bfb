"""libvirt started by hand on a machine whose /dev/kvm is there and of no use.

QEMU's own user cannot open the device, QEMU as root can: libvirt finds at every start of a machine that what it knows
of QEMU does not fit, and asks it anew (seen: 20 s each).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from hostd.core.run import run
from hostd.node import kvm_probe

_COVER = "/run/no-kvm"


@contextlib.contextmanager
def covered() -> Iterator[None]:
    """Start libvirt in here: it asks QEMU while a useless /dev/kvm cannot be opened, and remembers the answer."""
    if not os.path.exists(kvm_probe.DEVICE) or kvm_probe.probe().usable:
        yield
        return
    with open(_COVER, "wb"):
        os.chmod(_COVER, 0o600)
    run(["mount", "--bind", _COVER, kvm_probe.DEVICE])
    try:
        yield
        run(["virsh", "capabilities"], timeout_s=120)
    finally:
        run(["umount", kvm_probe.DEVICE])
