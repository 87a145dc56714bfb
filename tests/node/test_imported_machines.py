"""A machine out of an uploaded OVA archive, on a real node: read, made, and its disk compared byte by byte."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lib import appliance
from tests.lib.apiclient import Api
from tests.lib.inside import Inside

VMID = 7200
WORKING = "working"
NAME = "appliance.ova"


@pytest.fixture
def storages(api: Api, inside: Inside) -> Iterator[None]:
    """``local`` takes archives, and there is another one to work in; all as before at the end."""
    content = api.get("/storage/local")["content"]
    api.put("/storage/local", content=",".join({*content.split(","), "import"}))
    api.post("/storage", storage=WORKING, type="dir", path="/var/tmp/working", content="images")
    yield
    if VMID in {row["vmid"] for row in api.get(f"/nodes/{api.node}/qemu")}:
        api.wait(api.delete(f"/nodes/{api.node}/qemu/{VMID}"))
    api.wait(api.delete(f"/nodes/{api.node}/storage/local/content/import/{NAME}"))
    api.delete(f"/storage/{WORKING}")
    inside.run("rm", "-rf", "/var/tmp/working")
    api.put("/storage/local", content=content)


def test_a_machine_out_of_an_archive(api: Api, inside: Inside, storages: None, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) + bytes(2 << 20) + os.urandom(1 << 20)
    api.upload("local", "import", appliance.build(tmp_path, data, NAME))
    here = f"/nodes/{api.node}"
    found = api.get(f"{here}/storage/local/import-metadata", volume=f"local:import/{NAME}")
    assert found["create-args"] | {"cores": 2, "memory": 128, "name": "given-appliance"} == found["create-args"]
    assert found["net"]["net0"]["model"] == "e1000"
    disks = {key: f"local:0,import-from={disk['volid']}" for key, disk in found["disks"].items()}
    assert list(disks) == ["sata0"]
    given = {**found["create-args"], **disks, "import-working-storage": WORKING}
    api.wait(api.post(f"{here}/qemu", vmid=VMID, **given))
    config = api.get(f"{here}/qemu/{VMID}/config")
    assert (config["name"], config["cores"], int(config["memory"])) == ("given-appliance", 2, 128)
    path = inside.run("pvesm", "path", config["sata0"].partition(",")[0]).strip()
    assert inside.run("sha256sum", path).split()[0] == hashlib.sha256(data).hexdigest()
    left = inside.shell("find /var/tmp/working /var/lib/vz/import -type f").split()
    assert left == [f"/var/lib/vz/import/{NAME}"], "nothing that was extracted is left"
