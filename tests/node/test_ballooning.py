"""The node moves a machine's balloon by what it has itself, on a real node with a machine that runs Linux.

The mark comes down to 1 %, which any node is above, and the machine is shrunk to its least; then it goes up again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lib.apiclient import Api
from tests.lib.waiting import eventually, throughout

VM = 9031
MEMORY, LEAST = 320, 192
_BOOT_S, _ROUNDS_S, _STAYS_S = 300, 120, 25


@pytest.fixture
def machine(api: Api, tiny_iso: Path) -> Iterator[str]:
    """A machine that is up; its path. At the end it is gone, and the node's mark where it was."""
    volume = f"local:iso/{tiny_iso.name}"
    if volume not in [row["volid"] for row in api.get(f"/nodes/{api.node}/storage/local/content", content="iso")]:
        api.upload("local", "iso", tiny_iso)
    node = f"/nodes/{api.node}"
    drive = f"{volume},media=cdrom"
    api.wait(api.post(f"{node}/qemu", vmid=VM, memory=MEMORY, balloon=LEAST, kvm=0, scsi0=drive, serial0="socket"))
    try:
        api.wait(api.post(f"{node}/qemu/{VM}/status/start"))
        yield f"{node}/qemu/{VM}"
    finally:
        api.put(f"{node}/config", delete="ballooning-target")
        api.wait(api.post(f"{node}/qemu/{VM}/status/stop"))
        api.wait(api.delete(f"{node}/qemu/{VM}"))


def balloon_mib(api: Api, machine: str) -> int:
    """What QEMU says that the balloon leaves the machine."""
    found = re.search(r"actual=(\d+)", api.post(f"{machine}/monitor", command="info balloon"))
    assert found is not None
    return int(found[1])


def test_a_balloon_follows_the_hosts_memory(api: Api, machine: str) -> None:
    config = f"/nodes/{api.node}/config"
    assert balloon_mib(api, machine) == MEMORY
    api.put(config, **{"ballooning-target": 1})
    eventually(lambda: balloon_mib(api, machine) == LEAST, _BOOT_S)  # its driver has to be there first
    api.put(config, **{"ballooning-target": 100})
    eventually(lambda: balloon_mib(api, machine) == MEMORY, _ROUNDS_S)
    # Without shares the balloon is where the configuration says, and nothing else moves it.
    api.put(f"{machine}/config", shares=0)
    eventually(lambda: balloon_mib(api, machine) == LEAST, _ROUNDS_S)
    throughout(lambda: balloon_mib(api, machine) == LEAST, _STAYS_S)
