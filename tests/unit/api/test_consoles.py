"""Consoles of nodes through the application: who may open one, what is started for whom, what the ticket is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostd.access import tickets
from hostd.guests import console
from hostd.guests.lxc import lifecycle as lxc_lifecycle
from hostd.guests.qemu import lifecycle
from tests.unit.api.conftest import NOW, Site
from tests.unit.api.test_qemu import data

PLACE = "/nodes/alpha/termproxy"
PEOPLE = b"""user:root@pam:1:
user:root@pve:1:
user:joe@pve:1:
user:ann@pve:1:
role:Shell:Sys.Console:
acl:1:/nodes/alpha:joe@pve,root@pve:Shell:
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """joe may open the node's shell, ann may not. Reservations lie in a temporary folder."""
    real = console.reserve_port
    monkeypatch.setattr(console, "reserve_port", lambda: real(str(tmp_path)))
    return Site({"user.cfg": PEOPLE})


def test_the_shell_of_root(site: Site) -> None:
    opened = data(site.call("POST", PLACE))
    assert (opened["user"], opened["port"]) == ("root@pam", 5900)
    public = tickets.public_part(site.key)
    tickets.verify_console(public, opened["ticket"], "root@pam", "/nodes/alpha", 5900, now_s=NOW)
    (task,) = site.tasks.spawned
    assert task == {
        "type": "vncshell",
        "id": "",
        "user": "root@pam",
        "args": {"port": 5900, "user": "root@pam", "path": "/nodes/alpha", "argv": ["login", "-f", "root"]},
    }


def test_others_log_in(site: Site) -> None:
    for user in ("joe@pve", "root@pve"):
        data(site.call("POST", PLACE, user, data={"cmd": "login", "cmd-opts": ""}))
        assert site.tasks.spawned[-1]["args"]["argv"] == ["login"]
    assert site.call("POST", PLACE, "ann@pve").status_code == 403


@pytest.mark.parametrize(
    ("user", "body", "wrong"),
    [
        ("root@pam", {"cmd": "ceph_install"}, "cmd"),
        ("root@pam", {"cmd": "bash"}, "cmd"),
        ("joe@pve", {"cmd": "upgrade"}, "cmd"),
        ("root@pam", {"cmd": "login", "cmd-opts": "-f\0root"}, "cmd-opts"),
    ],
)
def test_nothing_else_is_started(site: Site, user: str, body: dict[str, str], wrong: str) -> None:
    answer = site.call("POST", PLACE, user, data=body)
    assert (answer.status_code, list(answer.json["errors"])) == (400, [wrong])
    assert site.tasks.spawned == []


def test_a_screen_with_a_password(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "vnc_socket", lambda host, vmid: f"/run/{vmid}")
    place = "/nodes/alpha/qemu/100/vncproxy"
    assert "password" not in data(site.call("POST", place))
    assert site.tasks.spawned[-1]["args"] == {"port": 5900, "target": "/run/100"}
    opened = data(site.call("POST", place, data={"generate-password": "1"}))
    assert len(opened["password"]) == 8
    assert site.tasks.spawned[-1]["args"] == {"port": 5901, "target": "/run/100", "password": opened["password"]}


def test_a_container_is_drawn(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lxc_lifecycle, "console_argv", lambda host, vmid: ["lxc-console", str(vmid)])
    place = "/nodes/alpha/lxc/100/vncproxy"
    opened = data(site.call("POST", place))
    public = tickets.public_part(site.key)
    tickets.verify_console(public, opened["ticket"], "root@pam", "/vms/100", 5900, now_s=NOW)
    usual = {"title": "CT 100", "width": 800, "height": 592}
    assert site.tasks.spawned[-1] == {
        "type": "vncproxy",
        "id": "100",
        "user": "root@pam",
        "args": {"port": 5900, "argv": ["lxc-console", "100"], "screen": usual},
    }
    data(site.call("POST", place, data={"websocket": "1", "width": "640", "height": "400"}))
    assert site.tasks.spawned[-1]["args"]["screen"] == {"title": "CT 100", "width": 640, "height": 400}
    assert site.call("POST", place, data={"width": "15"}).status_code == 400
    assert site.call("POST", place, "ann@pve").status_code == 403


def test_a_nodes_shell_is_drawn(site: Site) -> None:
    place = "/nodes/alpha/vncshell"
    data(site.call("POST", place, "joe@pve", data={"websocket": "1"}))
    screen = {"title": "alpha", "width": 800, "height": 592}
    assert site.tasks.spawned[-1]["args"] == {"port": 5900, "argv": ["login"], "screen": screen}
    assert site.call("POST", place, data={"cmd": "ceph_install"}).status_code == 400
    assert site.call("POST", place, "ann@pve").status_code == 403


def test_the_websocket_is_for_who_may_have_the_shell(site: Site) -> None:
    query = {"port": "5900", "vncticket": "x"}
    assert site.call("GET", "/nodes/alpha/vncwebsocket", "ann@pve", query_string=query).status_code == 403
    assert "websocket" in site.call("GET", "/nodes/alpha/vncwebsocket", "joe@pve", query_string=query).status
