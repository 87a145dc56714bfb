"""Methods of /cluster and /nodes through the application."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hostd.api.nodes import system
from hostd.node import certificate, resolver, tls
from hostd.tasks import eventlog
from hostd.tasks.eventlog import Event
from tests.fakes.run import FakeRun
from tests.unit.api.conftest import NOW, Site
from tests.unit.node.test_system_files import NOW as MOMENT


def data(answer: Any) -> Any:
    assert answer.status_code == 200, (answer.status, answer.data)
    return answer.json["data"]


def with_run(site: Site, run: FakeRun) -> FakeRun:
    object.__setattr__(site.api._services.host, "run", run)
    return run


@pytest.mark.parametrize(
    ("path", "key", "some"),
    [
        ("/cluster", "name", {"resources", "options", "nextid", "log"}),
        ("/nodes/alpha", "name", {"services", "apt", "time", "rrddata"}),
        ("/nodes/alpha/apt", "id", {"update", "versions"}),
        ("/nodes/alpha/certificates", "name", {"info", "custom"}),
        ("/nodes/alpha/services/sshd", "subdir", {"state", "restart"}),
    ],
)
def test_indices(site: Site, path: str, key: str, some: set[str]) -> None:
    assert some <= {row[key] for row in data(site.get(path))}


def test_options_of_the_cluster(site: Site) -> None:
    assert data(site.get("/cluster/options")) == {"mac_prefix": "BC:24:11", "description": "", "allowed-tags": []}
    values = {"next-id": "lower=500,upper=600", "migration": "insecure,network=192.0.2.0/24", "keyboard": "de",
              "registered-tags": "b;a", "max_workers": 3, "description": "two\nlines"}  # fmt: skip
    assert data(site.call("PUT", "/cluster/options", json=values)) is None
    shown = data(site.get("/cluster/options"))
    assert shown["next-id"] == {"lower": 500, "upper": 600}
    assert shown["migration"] == {"type": "insecure", "network": "192.0.2.0/24"}
    assert (shown["registered-tags"], shown["max_workers"], shown["description"]) == (["b", "a"], 3, "two\nlines\n")
    assert shown["allowed-tags"] == ["a", "b"]
    assert data(site.get("/cluster/nextid")) == "500"
    assert b"#two\n#lines\n" in site.store.read("datacenter.cfg").data
    data(site.call("PUT", "/cluster/options", data={"delete": "next-id,keyboard"}))
    assert "keyboard" not in data(site.get("/cluster/options"))


@pytest.mark.parametrize(
    "values",
    [{"delete": "nothing-known"}, {"keyboard": "xx"}, {"mac_prefix": "01"}, {"delete": "keyboard", "keyboard": "de"},
     {"crs": "ha=wrong"}, {"email_from": "a b@c"}, {"location": "latitude=1"}],
)  # fmt: skip
def test_wrong_options_are_refused(site: Site, values: dict[str, str]) -> None:
    answer = site.call("PUT", "/cluster/options", data=values)
    assert (answer.status_code, bool(answer.json["errors"])) == (400, True)


def test_keys_of_a_newer_node_survive(site: Site) -> None:
    site.store.write("datacenter.cfg", b"future: kept\nkeyboard: de\n")
    data(site.call("PUT", "/cluster/options", data={"keyboard": "fr"}))
    assert site.store.read("datacenter.cfg").data == b"future: kept\nkeyboard: fr\n"


def test_reserved_ids_are_given_once(site: Site) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: data(site.call("POST", "/cluster/nextid"))["vmid"], range(20)))
    assert sorted(made) == list(range(100, 120))
    assert data(site.get("/cluster/nextid")) == "120"
    assert data(site.get("/cluster/nextid?vmid=100")) == "100"  # a reservation keeps nobody from creating
    assert site.call("POST", "/cluster/nextid", data={"vmid": 105}).status_code == 400
    assert data(site.call("POST", "/cluster/nextid", data={"vmid": 400, "seconds": 60}))["vmid"] == 400


def test_resources_have_pools(site: Site) -> None:
    site.store.mkdir("nodes/alpha/qemu-server", parents=True)
    site.store.write("nodes/alpha/qemu-server/100.conf", b"name: x\n")
    site.store.write("user.cfg", b"user:root@pam:1:0::::::\npool:p1:text:100,101:local:\n")
    rows = data(site.get("/cluster/resources"))
    assert {"id": "/pool/p1", "pool": "p1", "type": "pool"} in rows
    assert [row["pool"] for row in rows if row.get("vmid") == 100] == ["p1"]
    assert {row["type"] for row in data(site.get("/cluster/resources?type=vm"))} == {"qemu"}


def test_guests_that_no_backup_job_saves(site: Site) -> None:
    site.store.mkdir("nodes/alpha/qemu-server", parents=True)
    for vmid in (100, 101, 102):
        site.store.write(f"nodes/alpha/qemu-server/{vmid}.conf", b"name: x%d\n" % vmid)
    site.store.write("user.cfg", b"user:root@pam:1:0::::::\npool:p1:text:100:local:\n")
    site.store.write("jobs.cfg", b"vzdump: a\n\tpool p1\n\nvzdump: b\n\tvmid 102\n")
    rows = data(site.get("/cluster/backup-info/not-backed-up"))
    assert rows == [{"vmid": 101, "type": "qemu", "name": "x101"}]


def test_the_log_shows_everybody_their_own(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "events")
    for user in ("root@pam", "a@pve", "a@pve!t"):
        event = Event(time=NOW, node="alpha", pid=1, pri=6, tag="hostd", user=user, msg=f"seen {user}")
        eventlog.append(event, path)
    assert [e.user for e in eventlog.recent(2, path=path)] == ["a@pve!t", "a@pve"]
    assert [e.user for e in eventlog.recent(9, user="a@pve", path=path)] == ["a@pve!t", "a@pve"]
    monkeypatch.setattr(eventlog, "ROTATE_BYTES", 10)
    eventlog.append(Event(time=NOW, node="alpha", pid=1, pri=6, tag="hostd", user="x", msg="last"), path)
    eventlog.append(Event(time=NOW, node="alpha", pid=1, pri=6, tag="hostd", user="x", msg="new"), path)
    assert len(eventlog.recent(50, path=path)) == 1


def test_options_of_the_node(site: Site) -> None:
    empty = data(site.get("/nodes/alpha/config"))
    values = {
        "wakeonlan": "02:00:00:00:00:01,broadcast-address=192.0.2.255",
        "description": "x",
        "acmedomain1": "a.example",
    }
    data(site.call("PUT", "/nodes/alpha/config", data={**values, "digest": empty["digest"]}))
    assert data(site.get("/nodes/alpha/config"))["wakeonlan"] == values["wakeonlan"]
    assert set(data(site.get("/nodes/alpha/config?property=description"))) == {"description", "digest"}
    late = site.call("PUT", "/nodes/alpha/config", data={"description": "y", "digest": empty["digest"]})
    assert (late.status_code, "modified" in late.json["message"]) == (500, True)
    assert site.call("POST", "/nodes/alpha/wakeonlan").status_code == 400
    assert "No wake on LAN" in site.call("POST", "/nodes/beta/wakeonlan").json["message"]


def test_host_names(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost\n")
    monkeypatch.setattr(system, "HOSTS", str(path))
    before = data(site.get("/nodes/alpha/hosts"))
    data(site.call("POST", "/nodes/alpha/hosts", data={"data": "127.0.0.1 a\r\n::1 b", "digest": before["digest"]}))
    assert path.read_bytes() == b"127.0.0.1 a\n::1 b\n"
    assert site.call("POST", "/nodes/alpha/hosts", data={"data": "x", "digest": before["digest"]}).status_code == 500


def test_name_servers(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("search a.example\nnameserver 192.0.2.1\n")
    monkeypatch.setattr(resolver, "PATH", str(path))
    assert data(site.get("/nodes/alpha/dns")) == {"search": "a.example", "dns1": "192.0.2.1"}
    data(site.call("PUT", "/nodes/alpha/dns", data={"search": "b.example", "dns1": "192.0.2.2"}))
    assert data(site.get("/nodes/alpha/dns")) == {"search": "b.example", "dns1": "192.0.2.2"}
    for search in ("a" * 64, ".".join(["a" * 60] * 5), "two words", "$(id)", "", "a..b"):
        assert "search" in site.call("PUT", "/nodes/alpha/dns", data={"search": search}).json["errors"]
    wrong = site.call("PUT", "/nodes/alpha/dns", data={"search": "b.example", "dns1": "none"})
    assert "dns1" in wrong.json["errors"]


def test_services_change_by_tasks(site: Site) -> None:
    show = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n"
    with_run(site, FakeRun({"systemctl show": show}))
    assert data(site.get("/nodes/alpha/services/cron/state"))["state"] == "running"
    assert data(site.call("POST", "/nodes/alpha/services/cron/restart")).startswith("UPID:")
    assert site.tasks.spawned[-1]["type"] == "srvrestart"
    assert site.call("POST", "/nodes/alpha/services/pveproxy/stop").status_code == 500
    assert site.call("POST", "/nodes/alpha/services/getty/stop").status_code == 400


def test_power(site: Site) -> None:
    run = with_run(site, FakeRun())
    data(site.call("POST", "/nodes/alpha/status", data={"command": "shutdown"}))
    assert run.calls == [["systemctl", "--no-block", "poweroff"]]
    assert site.call("POST", "/nodes/alpha/status", data={"command": "sleep"}).status_code == 400
    assert site.call("POST", "/nodes/alpha/status").status_code == 400


def test_power_needs_its_privilege(site: Site) -> None:
    acls = "acl:1:/nodes/alpha:someone@pve:PVEAuditor:\nrole:Power:Sys.PowerMgmt:\nacl:1:/nodes/alpha:joe@pve:Power:\n"
    site.store.write("user.cfg", site.store.read("user.cfg").data + acls.encode())
    run, reboot = with_run(site, FakeRun()), {"command": "reboot"}
    refused = site.call("POST", "/nodes/alpha/status", user="someone@pve", data=reboot)
    assert (refused.status_code, run.calls) == (403, [])
    assert "Sys.PowerMgmt" in refused.json["message"]
    data(site.call("POST", "/nodes/alpha/status", user="joe@pve", data=reboot))
    assert run.calls == [["systemctl", "--no-block", "reboot"]]


def test_there_are_no_subscriptions(site: Site) -> None:
    place = "/nodes/alpha/subscription"
    assert data(site.get(place))["status"] == "notfound"
    assert data(site.call("POST", place, data={"force": 1})) is None
    assert data(site.call("DELETE", place)) is None
    refused = site.call("PUT", place, data={"key": "pve1c-0123456789"})
    assert refused.status_code == 500
    assert "needs no subscription. The key was not stored" in refused.json["message"]
    assert "pve1c-0123456789" not in refused.get_data(as_text=True)
    assert "key" in site.call("PUT", place, data={"key": "anything"}).json["errors"]
    assert site.call("PUT", place, user="someone@pve", data={"key": "pve1c-0123456789"}).status_code == 403


@pytest.mark.parametrize(("kind", "folder"), [("qemu", "qemu-server"), ("lxc", "lxc")])
def test_history_of_a_guest_that_is_not_there(site: Site, kind: str, folder: str) -> None:
    for node in ("alpha", "localhost", "beta"):
        answer = site.get(f"/nodes/{node}/{kind}/100/rrddata?timeframe=hour")
        path = f"nodes/{'alpha' if node == 'localhost' else node}/{folder}/100.conf"
        assert (answer.status_code, answer.json["message"]) == (500, f"Configuration file '{path}' does not exist\n")


def test_certificates_are_brought_and_removed(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "CHOICE", str(tmp_path / "tls.conf"))
    run = with_run(site, FakeRun())
    key = certificate.new_key()
    made = certificate.make_authority(key, now=MOMENT).decode()
    place = "/nodes/alpha/certificates/custom"
    told = data(site.call("POST", place, data={"certificates": made, "key": key.decode(), "restart": 1}))
    assert told["fingerprint"] == certificate.fingerprint(made.encode())
    assert "pveproxy-ssl.pem" in (tmp_path / "tls.conf").read_text()
    assert run.calls[-1][:2] == ["systemctl", "reload"]
    assert [row["filename"] for row in data(site.get("/nodes/alpha/certificates/info"))] == ["pveproxy-ssl.pem"]
    assert site.call("POST", place, data={"certificates": made}).status_code == 400
    data(site.call("POST", place, data={"certificates": made, "force": 1}))
    wrong = site.call("POST", place, data={"certificates": made, "key": certificate.new_key().decode(), "force": 1})
    assert "not the one" in wrong.json["errors"]["certificates"]
    data(site.call("DELETE", place))
    assert "pve-ssl.pem" in (tmp_path / "tls.conf").read_text()
    assert site.call("DELETE", place).status_code == 500


def test_small_answers(site: Site) -> None:
    assert data(site.get("/nodes/alpha/version"))["version"]
    assert data(site.get("/nodes/alpha/time"))["time"] > 1_700_000_000
    assert isinstance(data(site.get("/nodes/alpha/netstat")), list)
