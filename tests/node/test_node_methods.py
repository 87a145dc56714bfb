"""Methods of the cluster and of a node, on a real one: real answers of systemd, the journal, APT and the kernel."""

from __future__ import annotations

import json
import time

import pytest
import requests

from tests.lib.apiclient import Api, ApiError
from tests.lib.waiting import eventually

READS = (
    "apt", "apt/repositories", "apt/update", "apt/versions", "certificates", "certificates/info", "config", "dns",
    "hosts", "journal", "netstat", "network", "report", "services", "services/cron/state", "status", "subscription",
    "syslog", "tasks", "time", "version",
)  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_everything_can_be_read(api: Api, path: str) -> None:
    assert api.get(f"/nodes/{api.node}/{path}") is not None


@pytest.mark.parametrize("path", ["", "/log", "/nextid", "/options", "/resources", "/status", "/tasks"])
def test_the_cluster_can_be_read(api: Api, path: str) -> None:
    assert api.get(f"/cluster{path}") is not None


def test_services_run_and_restart(api: Api) -> None:
    place = f"/nodes/{api.node}/services"
    found = {row["service"]: row for row in api.get(place)}
    for name in ("pvedaemon", "pveproxy", "pvestatd", "pve-cluster", "hostd-taskd"):
        assert (found[name]["active-state"], found[name]["state"]) == ("active", "running"), name
    assert found["spiceproxy"]["unit-state"] == "not-found"
    api.wait(api.post(f"{place}/pvestatd/restart"))
    assert api.get(f"{place}/pvestatd/state")["state"] == "running"
    with pytest.raises(ApiError):
        api.post(f"{place}/pvedaemon/stop")


def test_a_task_survives_the_daemon_that_started_it(api: Api) -> None:
    upid = api.post(f"/nodes/{api.node}/services/hostd-taskd/restart")
    api.wait(upid)
    ended = eventually(lambda: [t for t in api.get(f"/nodes/{api.node}/tasks") if t["upid"] == upid])
    assert ended[0]["status"] == "OK"


def test_time_names_and_options_change(api: Api) -> None:
    place = f"/nodes/{api.node}"
    api.put(f"{place}/time", timezone="Europe/Vienna")
    told = api.get(f"{place}/time")
    assert (told["timezone"], told["localtime"] - told["time"]) in (("Europe/Vienna", 3600), ("Europe/Vienna", 7200))
    assert abs(told["time"] - time.time()) < 60
    api.put(f"{place}/time", timezone="UTC")
    before = api.get(f"{place}/hosts")
    api.post(f"{place}/hosts", data=before["data"] + "192.0.2.9 nine\n", digest=before["digest"])
    assert "192.0.2.9 nine" in api.get(f"{place}/hosts")["data"]
    api.put(f"{place}/dns", search="example.invalid", dns1="192.0.2.53")
    assert api.get(f"{place}/dns") == {"search": "example.invalid", "dns1": "192.0.2.53"}
    api.put(f"{place}/config", description="a node")
    assert eventually(lambda: api.get(f"{place}/config").get("description") == "a node")
    api.put("/cluster/options", keyboard="de")
    assert eventually(lambda: api.get("/cluster/options").get("keyboard") == "de")


def test_network_interfaces(api: Api) -> None:
    place = f"/nodes/{api.node}/network"
    rows = {row["iface"]: row for row in api.get(place)}
    assert "lo" not in rows
    bridge = rows["vmbr0"]
    assert (bridge["type"], bridge["active"], bridge["autostart"]) == ("bridge", 1, 1)
    assert bridge["bridge_ports"] in rows
    assert [row["iface"] for row in api.get(place, type="any_bridge")] == ["vmbr0"]
    assert api.get(f"{place}/vmbr0") | {"iface": "vmbr0"} == bridge
    assert api.get(f"{place}/lo")["method"] == "loopback"
    with pytest.raises(ApiError):
        api.get(f"{place}/vmbr77")


def test_network_changes_wait(api: Api) -> None:
    place = f"/nodes/{api.node}/network"
    api.post(place, iface="vmbr9", type="bridge", cidr="192.0.2.9/24", comments="for a test")
    assert api.get(f"{place}/vmbr9")["comments"] == "for a test\n"
    api.put(f"{place}/vmbr9", type="bridge", delete="comments", autostart=1)
    told = api.get(f"{place}/vmbr9")
    assert (told["autostart"], told.get("comments"), told.get("active")) == (1, None, None)
    with pytest.raises(ApiError):
        api.put(place)
    api.delete(place)
    assert [row["iface"] for row in api.get(place, type="bridge")] == ["vmbr0"]


def test_ids_are_reserved(api: Api) -> None:
    first, second = (api.post("/cluster/nextid")["vmid"] for _ in range(2))
    assert first != second
    assert eventually(lambda: int(api.get("/cluster/nextid")) not in (first, second))


def test_packages(api: Api) -> None:
    rows = {row["Package"]: row for row in api.get(f"/nodes/{api.node}/apt/versions")}
    assert rows["hostd"]["CurrentState"] == "Installed"
    repositories = api.get(f"/nodes/{api.node}/apt/repositories")
    assert len(repositories["digest"]) == 64
    assert not repositories["errors"]


def test_journal_pages(api: Api) -> None:
    place = f"/nodes/{api.node}/journal"
    lines = api.get(place, lastentries=5)
    assert len(lines) == 7
    older = api.get(place, lastentries=3, endcursor=lines[0])
    assert len(older) == 5
    assert older[-1] != lines[0]
    assert "hostd-taskd.service" in api.get(place, units=1)
    found = api.get(place, unit="hostd-taskd.service", structured=1, lastentries=50)
    assert {row["unit"] for row in found} <= {"hostd-taskd.service", "init.scope"}


def test_the_clusters_log_tells_of_tasks(api: Api) -> None:
    assert any("end task UPID" in row["msg"] for row in api.get("/cluster/log"))


def test_the_certificate_is_replaced_and_brought_back(api: Api) -> None:
    place = f"/nodes/{api.node}/certificates"
    own = {row["filename"]: row for row in api.get(f"{place}/info")}
    assert api.get("/nodes")[0]["ssl_fingerprint"] == own["pve-ssl.pem"]["fingerprint"]
    with pytest.raises(ApiError) as caught:
        api.post(f"{place}/custom", certificates=own["pve-ssl.pem"]["pem"])
    assert "certificates" in caught.value.errors


def test_rrddata_of_the_node(api: Api) -> None:
    rows = eventually(lambda: [r for r in api.get(f"/nodes/{api.node}/rrddata", timeframe="hour") if "cpu" in r], 150)
    assert {"time", "memused", "maxcpu", "loadavg"} <= set(rows[-1])
    with pytest.raises(ApiError):
        api.get(f"/nodes/{api.node}/rrddata", timeframe="century")


def test_metrics(api: Api) -> None:
    answer = requests.get(f"{api.url}/metrics", verify=False, timeout=10, cookies={"PVEAuthCookie": api.ticket})
    assert answer.status_code == 200
    assert "holdfast_node_cpu_ratio{" in answer.text
    assert requests.get(f"{api.url}/metrics", verify=False, timeout=10).status_code == 401


def test_events_are_told(api: Api) -> None:
    cookies = {"PVEAuthCookie": api.ticket}
    with requests.get(f"{api.url}/api2/json/events", verify=False, stream=True, timeout=30, cookies=cookies) as stream:
        lines = stream.iter_lines(decode_unicode=True)
        assert next(lines) == "retry: 2000"
        time.sleep(1.5)  # the first look only notes what is there
        upid = api.post(f"/nodes/{api.node}/services/pvestatd/restart")
        api.put("/cluster/options", keyboard="fr")
        waited: set[str] = {"task", "options"}  # a task that is over at the first look is told once, else twice
        deadline = time.monotonic() + 30
        for line in lines:  # comments keep the stream alive, so that the end of patience is looked at
            told = json.loads(line[5:]) if line.startswith("data:") else {}
            if told.get("upid") == upid:
                assert told["status"] in ("running", "OK")
                waited.discard("task")
            if told == {"file": "datacenter.cfg", "change": "config"}:
                waited.discard("options")
            assert not waited or time.monotonic() < deadline, f"not told: {waited}"
            if not waited:
                break


@pytest.mark.parametrize("timeframe", ["hour", "year"])
def test_pictures(api: Api, timeframe: str) -> None:
    picture = api.get(f"/nodes/{api.node}/rrd", ds="cpu,memused", timeframe=timeframe)
    assert picture["image"].encode("latin-1").startswith(b"\x89PNG")


def test_refusals_take_their_time_and_hold_nobody_up(api: Api) -> None:
    begin = time.monotonic()
    answer = requests.get(f"{api.url}/api2/json/version", verify=False, timeout=10)
    assert answer.status_code == 401
    assert 2.5 < time.monotonic() - begin < 6
