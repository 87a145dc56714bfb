"""Guests of the whole cluster at once, on one real node: by a user who may do it with one of two, and by root."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lib.apiclient import Api, ApiError

MINE, OTHER = 9011, 9012
CALL = "/cluster/bulk-action/guest"
USER = "bulk@pve"


@pytest.fixture(scope="module")
def user(api: Api, template: Path) -> Iterator[Api]:
    """A client of a user who may switch one of two containers."""
    node, volume = f"/nodes/{api.node}/lxc", f"local:vztmpl/{template.name}"
    if volume not in [row["volid"] for row in api.get(f"/nodes/{api.node}/storage/local/content", content="vztmpl")]:
        api.upload("local", "vztmpl", template)
    for vmid in (MINE, OTHER):
        made = api.post(
            node, vmid=vmid, ostemplate=volume, rootfs="local:1", memory=128, swap=0, unprivileged=1, ostype="unmanaged"
        )
        api.wait(made)
    password = secrets.token_urlsafe(12)
    api.post("/access/users", userid=USER, password=password)
    api.put("/access/acl", path=f"/vms/{MINE}", users=USER, roles="PVEVMUser")
    client = Api(os.environ["BASE_URL"], USER, password)
    client.node = api.node
    yield client
    api.delete(f"/access/users/{USER}")
    for vmid in (MINE, OTHER):
        api.wait(api.delete(f"{node}/{vmid}?force=1"))


def states(api: Api) -> tuple[str, ...]:
    """As they are, however old the last sample is."""
    path = f"/nodes/{api.node}/lxc"
    return tuple(api.get(f"{path}/{vmid}/status/current")["status"] for vmid in (MINE, OTHER))


def test_only_what_is_the_users(api: Api, user: Api) -> None:
    upid = user.post(f"{CALL}/start", vms=[MINE, OTHER])
    assert user.wait(upid, ok=False) == "WARNINGS: 1"
    log = user.task_log(upid)
    assert f"CT {MINE}: OK" in log
    assert [line for line in log if line.startswith(f"WARN: guest {OTHER} is left")]
    assert states(api) == ("running", "stopped")
    own = next(line.split()[-1] for line in log if line.startswith(f"CT {MINE}: UPID:"))
    assert own.split(":")[5:8] == ["vzstart", str(MINE), USER]
    with pytest.raises(ApiError) as refused:
        user.post(f"{CALL}/shutdown", vms=[OTHER])
    assert refused.value.status == 403


def test_all_that_run_are_shut_down(api: Api, user: Api) -> None:
    api.wait(api.post(f"{CALL}/start", vms=[MINE, OTHER], **{"max-workers": 2}))
    assert states(api) == ("running", "running")
    upid = api.post(f"{CALL}/shutdown", vms=[MINE, OTHER], timeout=30)
    api.wait(upid)
    assert states(api) == ("stopped", "stopped")
    upid = api.post(f"{CALL}/shutdown", vms=[MINE, OTHER])
    api.wait(upid)
    assert len([line for line in api.task_log(upid) if line.endswith("is left as it is: it does not run")]) == 2
