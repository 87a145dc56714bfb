"""A container's root tries to get out, on a node without AppArmor: what the kernel's name spaces alone hold.

``vm/test_containers`` tries all of it with AppArmor, and shows that the host's root can do what is tried here.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from tests.lib import escapes
from tests.lib.apiclient import Api
from tests.lib.escapes import Surroundings
from tests.lib.inside import Inside
from tests.node.test_container_life import archive as archive

TRIER, OTHER = 9201, 9202
WITH_PERL = {"a module", "a file by its handle"}  # which the tiny template has not
ATTEMPTS = sorted(set(escapes.ATTEMPTS) - WITH_PERL)


@pytest.fixture(scope="module")
def around(api: Api, inside: Inside, archive: str) -> Iterator[Surroundings]:
    """Two containers that run, and what of the node the attempts of one of them are about."""
    node = f"/nodes/{api.node}/lxc"
    wanted = {"ostemplate": archive, "rootfs": "local:1", "memory": 64, "swap": 0, "ostype": "unmanaged"}
    for vmid in (TRIER, OTHER):
        api.wait(api.post(node, vmid=vmid, features="nesting=1", start=1, **wanted))
    inside.run("lxc-attach", "-n", str(TRIER), "--clear-env", "--", "/bin/busybox", "--install", "-s", "/bin")
    unit = escapes.MARK
    inside.shell(f"cp /bin/sleep /root/{unit} && systemd-run --unit {unit} /root/{unit} infinity")
    loop = inside.shell(f"losetup -n -O MAJ:MIN -j /var/lib/vz/images/{OTHER}/vm-{OTHER}-disk-0.raw").strip()
    disk = f"b {loop.replace(':', ' ')}"
    pid = int(inside.run("systemctl", "show", "--property", "MainPID", "--value", unit))
    yield Surroundings(disk=disk, other=disk, pid=pid)
    inside.run("systemctl", "stop", unit)
    for vmid in (TRIER, OTHER):
        api.wait(api.delete(f"{node}/{vmid}?force=1"))


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_no_way_out(inside: Inside, around: Surroundings, attempt: str) -> None:
    script = shlex.quote(escapes.script(attempt, around))
    said = inside.shell(f"lxc-attach -n {TRIER} --clear-env -- sh -c {script} 2>&1 || true")
    assert escapes.TRIED in said, said
    assert escapes.SUCCESS not in said, said
