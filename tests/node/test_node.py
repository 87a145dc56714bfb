"""One real node from the built packages, through its HTTPS API: log-in, storages, a machine, a container, tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.lib.apiclient import Api, ApiError
from tests.lib.waiting import eventually

Guest = Callable[[str, int], str]


@pytest.fixture
def guest(api: Api) -> Iterator[Callable[[str, int], str]]:
    """Paths of guests that are removed after the test, whatever their state."""
    made: list[tuple[str, int]] = []

    def path(kind: str, vmid: int) -> str:
        made.append((kind, vmid))
        return f"/nodes/{api.node}/{kind}/{vmid}"

    yield path
    for kind, vmid in made:
        place = f"/nodes/{api.node}/{kind}/{vmid}"
        if vmid not in {row["vmid"] for row in api.get("/cluster/resources", type="vm")}:
            continue
        if api.get(f"{place}/status/current")["status"] == "running":
            api.wait(api.post(f"{place}/status/stop"))
        api.wait(api.delete(place))


def test_plain_http_is_sent_to_https(api: Api) -> None:
    answer = requests.get(api.url.replace("https", "http") + "/x", allow_redirects=False, timeout=10)
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"{api.url}/x"


def test_the_page_is_served(api: Api) -> None:
    answer = requests.get(f"{api.url}/", verify=False, timeout=10)
    assert answer.status_code == 200
    assert "<div id=" in answer.text


def test_without_a_ticket_nothing_is_told(api: Api) -> None:
    answer = requests.get(f"{api.url}/api2/json/cluster/resources", verify=False, timeout=10)
    assert (answer.status_code, answer.reason) == (401, "No ticket")


def test_a_wrong_password_is_refused(api: Api) -> None:
    with pytest.raises(ApiError) as caught:
        Api(api.url, "root@pam", "wrong")
    assert (caught.value.status, caught.value.reason) == (401, "authentication failure")


def test_what_is_not_built_answers_501(api: Api) -> None:
    with pytest.raises(ApiError) as caught:
        api.get("/cluster/sdn/zones")
    assert caught.value.status == 501


def test_the_node_tells_its_state(api: Api) -> None:
    status = api.get(f"/nodes/{api.node}/status")
    assert status["memory"]["total"] > status["memory"]["used"] > 0
    kinds = {row["type"] for row in eventually(lambda: [r for r in api.get("/cluster/resources") if "disk" in r])}
    assert {"node", "storage"} <= kinds


def test_a_machine_runs(api: Api, guest: Guest, tiny_iso: Path) -> None:
    api.upload("local", "iso", tiny_iso)
    volumes = [v["volid"] for v in api.get(f"/nodes/{api.node}/storage/local/content", content="iso")]
    assert "local:iso/tiny.iso" in volumes
    place = guest("qemu", 9001)
    upid = api.post(
        f"/nodes/{api.node}/qemu", vmid=9001, name="tiny", memory=256, cores=1, ostype="l26", kvm=0,
        scsihw="virtio-scsi-pci", scsi0="local:1", ide2="local:iso/tiny.iso,media=cdrom", boot="order=ide2",
        serial0="socket",
    )  # fmt: skip
    assert upid.startswith(f"UPID:{api.node}:")
    api.wait(upid)
    with pytest.raises(ApiError) as caught:
        api.post(f"/nodes/{api.node}/qemu", vmid=9001)
    assert caught.value.status in (400, 500)
    config = api.get(f"{place}/config")
    assert config["name"] == "tiny"
    assert "size=1G" in config["scsi0"]
    api.wait(api.post(f"{place}/status/start"))
    heard = api.terminal("qemu", 9001, "disk sda ok 1073741824", timeout_s=150)
    assert "HOLDFAST-TINY ready" in heard or "disk sda had" in heard
    row = eventually(lambda: [r for r in api.get("/cluster/resources", type="vm") if r["status"] == "running"])[0]
    assert (row["vmid"], row["name"], row["type"]) == (9001, "tiny", "qemu")
    api.wait(api.post(f"{place}/status/stop"))
    assert eventually(lambda: api.get(f"{place}/status/current")["status"] == "stopped")
    api.wait(api.delete(place))
    assert not [v for v in api.get(f"/nodes/{api.node}/storage/local/content") if v.get("vmid") == 9001]


def test_a_container_runs(api: Api, guest: Guest, template: Path) -> None:
    api.upload("local", "vztmpl", template)
    place = guest("lxc", 9002)
    api.wait(
        api.post(
            f"/nodes/{api.node}/lxc", vmid=9002, hostname="tiny-ct", ostemplate=f"local:vztmpl/{template.name}",
            rootfs="local:1", memory=128, swap=0, password="not-in-any-log", unprivileged=1, ostype="unmanaged",
        )
    )  # fmt: skip
    api.wait(api.post(f"{place}/status/start"))
    row = eventually(lambda: [r for r in api.get("/cluster/resources", type="vm") if r["status"] == "running"])[0]
    assert (row["vmid"], row["type"]) == (9002, "lxc")
    api.wait(api.post(f"{place}/status/stop"))
    assert api.get(f"{place}/status/current")["status"] == "stopped"  # and it can be removed at once


def test_tasks_are_listed(api: Api) -> None:
    shown = api.get(f"/nodes/{api.node}/tasks", limit=5)
    assert shown
    assert {"upid", "status", "endtime", "user"} <= set(shown[0])
    assert shown[0]["upid"] in {task["upid"] for task in api.get("/cluster/tasks")}


def test_a_failing_task_says_why(api: Api) -> None:
    with pytest.raises(ApiError) as caught:
        api.post(f"/nodes/{api.node}/qemu/9999/status/start")
    assert "9999" in caught.value.reason
