"""Secrets that came in through every way that takes one: afterwards none is where others could read it.

A node is given each way's own random secret, in calls that go well and in calls that are refused. Then everything is
searched: journal, logs, task logs, arguments and environments of processes (watched all the time), answers of every
GET, events, and every file that was written since, as anybody and as root.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import requests

from hostd.api.endpoint import collect
from hostd.daemons.api_wiring import ENDPOINT_MODULES
from tests.lib import totp
from tests.lib.apiclient import Api, ApiError
from tests.lib.inside import Inside
from tests.lib.planted import SEARCH, WATCH, Planted, certificate
from tests.lib.rawhttp import Answer, Wire
from tests.lib.waiting import eventually

USER, HOST_USER, CT = "keeper@pve", "keeper", 9300
LEAST = 40
# Some secrets have to be kept as they are: here, where only root reads them (the front reads pve-www.key: it verifies
# CSRF tokens). Of all others only hashes are kept, so not even root finds them in a file.
KEPT = ("/etc/pve/priv/", "/etc/pve/pve-www.key", "/etc/pve/nodes/", "/var/lib/hostd/config.db")


@dataclass
class Exposed:
    """What the run left behind."""

    planted: Planted
    answers: list[tuple[str, str]]
    processes: str
    events: str
    since_s: float


class Run:
    """All the ways; each call's answer is kept, to be searched too."""

    def __init__(self, api: Api, inside: Inside) -> None:
        self.api, self.inside, self.planted = api, inside, Planted()
        self.answers: list[tuple[str, str]] = []
        self.wire = Wire(api)

    def call(
        self,
        method: str,
        path: str,
        /,
        *,
        who: Api | None = None,
        hands_out: bool = False,
        good: bool | None = None,
        **params: Any,
    ) -> Any:
        """One form call by root or ``who``; ``hands_out``: its answer is the one that shows the secret."""
        by = who or self.api
        headers = {"Cookie": f"PVEAuthCookie={quote(by.ticket, safe='')}", "CSRFPreventionToken": by.csrf}
        where = {"params": params} if method in ("GET", "DELETE") else {"data": params}
        answer = requests.request(
            method, f"{by.url}/api2/json{path}", headers=headers, verify=False, timeout=90, **where
        )
        assert good is None or (answer.status_code == 200) is good, (method, path, answer.status_code, answer.text)
        if not hands_out:
            self.told(f"{method} {path}", answer.reason, answer.text)
        return answer.json().get("data") if answer.text else None

    def raw(self, answer: Answer, what: str) -> None:
        assert answer.status != 200, what
        self.told(what, answer.reason, answer.body.decode(errors="replace"))

    def told(self, what: str, *texts: str) -> None:
        self.answers.append((what, "\n".join(texts)))

    def login(self, **params: str) -> None:
        """A log-in that fails."""
        answer = requests.post(f"{self.api.url}/api2/json/access/ticket", data=params, verify=False, timeout=120)
        assert answer.status_code != 200, answer.text
        self.told("POST /access/ticket", answer.reason, answer.text)

    # --- the ways

    def users(self) -> None:
        new = self.planted.new
        first = new("password of a new user")
        self.call("POST", "/access/users", userid=USER, password=first, good=True)
        self.call("POST", "/access/users", userid=USER, password=new("password of a user that exists"), good=False)
        self.call("POST", "/access/users", userid="x@pam", password=new("first password in realm pam"), good=False)
        self.call("POST", "/access/users", userid="x@pve", password=new("too long a password") * 4, good=False)
        self.call("POST", "/access/users", userid="a b", password=new("password beside a wrong name"), good=False)
        self.call("PUT", "/access/password", userid=USER, password=new("password set by root"), good=True)
        changed, mine = (
            new("password changed by its user"),
            Api(self.api.url, USER, self.planted.words["password set by root"]),
        )
        self.tickets("user", mine)
        own = {"who": mine, "userid": USER}
        confirmed = {"confirmation-password": self.planted.words["password set by root"]}
        self.call("PUT", "/access/password", password=changed, **confirmed, **own, good=True)
        wrong = {"confirmation-password": new("wrong confirmation")}
        self.call("PUT", "/access/password", password=new("password not confirmed"), **wrong, **own, good=False)
        self.call(
            "PUT", "/access/password", password=new("password of another"), who=mine, userid="root@pam", good=False
        )
        self.inside.run("useradd", "-M", HOST_USER)
        self.call("POST", "/access/users", userid=f"{HOST_USER}@pam", good=True)
        self.call(
            "PUT", "/access/password", userid=f"{HOST_USER}@pam", password=new("password of a host account"), good=True
        )
        self.tickets(
            "host user", Api(self.api.url, f"{HOST_USER}@pam", self.planted.words["password of a host account"])
        )
        self.call("PUT", "/access/password", userid="nosuch@pam", password=new("password of no account"), good=False)
        bad = new("password with a line break") + "\nroot:x"
        self.call("PUT", "/access/password", userid=f"{HOST_USER}@pam", password=bad, good=False)

    def tickets(self, whose: str, api: Api) -> None:
        self.planted.new(f"ticket of {whose}", text=api.ticket.partition("::")[2])
        self.planted.new(f"CSRF token of {whose}", text=api.csrf.partition(":")[2])

    def log_ins(self) -> None:
        new = self.planted.new
        tries = [
            {"username": "root@pam", "password": new("wrong password of root")},
            {"username": USER, "password": new("wrong password of a user")},
            {"username": "nobody@pve", "password": new("password of an unknown user")},
            {"username": "nobody", "realm": "nowhere", "password": new("password in an unknown realm")},
            {"username": "a b c", "password": new("password beside an impossible name")},
            {"username": "someone@keepldap", "password": new("password in a realm that is not built")},
            {"username": "w1@pve", "password": new("log-in with a code"), "otp": new("one-time password")},
            {
                "username": "w2@pve",
                "password": new("answer to no challenge"),
                "tfa-challenge": new("challenge of nobody"),
            },
            {"username": "w3@pve", "password": "PVE:w3@pve:00000000::" + new("forged ticket as password")},
            {"username": "w4@pve", "password": "PVEVNC:" + new("console ticket as password")},
            {"username": "w5@pve", "password": new("password of a check"), "path": "/", "privs": "Sys.Audit"},
            {"username": "w6@pve", "password": new("password beside an unknown parameter"), "more": "x"},
        ]
        threads = [threading.Thread(target=self.login, kwargs=one) for one in tries]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def odd_requests(self) -> None:
        new, wire = self.planted.new, self.wire
        self.raw(
            wire.request("GET", f"/api2/json/access/ticket?username=root@pam&password={new('query of GET')}&x=1"),
            "GET /access/ticket",
        )
        query = urlencode({"username": "q@pve", "password": new("query of a log-in")})
        self.raw(wire.request("POST", f"/api2/json/access/ticket?{query}", who=False), "POST /access/ticket?")
        self.raw(
            wire.request("PUT", f"/api2/json/access/password?userid=q@pve&password={new('query of a change')}"),
            "PUT /access/password?",
        )
        self.raw(wire.request("GET", f"/api2/json/nosuch?password={new('query of an unknown method')}"), "GET /nosuch?")
        self.raw(
            wire.request(
                "POST",
                "/api2/json/access/users",
                headers={"Content-Type": "text/plain"},
                body=b"password=" + new("body of an unknown type").encode(),
            ),
            "POST text/plain",
        )
        self.raw(
            wire.json("POST", "/access/users", b'{"userid":"j@pve","password":"%s"' % new("broken JSON").encode()),
            "broken JSON",
        )
        self.raw(
            wire.json("POST", "/access/users", {"userid": "j@pve", "password": new("password in JSON"), "enable": "x"}),
            "JSON",
        )
        for name, headers in (
            ("token of nobody", {"Authorization": f"PVEAPIToken=x@pve!tt={new('token of nobody')}"}),
            ("malformed token", {"Authorization": f"PVEAPIToken=x:{new('malformed token')}"}),
            ("basic credentials", {"Authorization": f"Basic {new('basic credentials')}"}),
            ("ticket of nobody", {"Cookie": f"PVEAuthCookie=PVE:x@pve:00000000::{new('ticket of nobody')}"}),
        ):
            self.raw(wire.request("GET", "/api2/json/version", headers=headers, who=False), name)
        csrf = {**wire.credentials, "CSRFPreventionToken": new("wrong CSRF token")}
        self.raw(
            wire.request("POST", "/api2/json/pools", headers=csrf, body=b"poolid=x", who=False), "wrong CSRF token"
        )
        stream = {"Authorization": f"PVEAPIToken=x@pve!tt={new('token at the events')}"}
        self.raw(wire.request("GET", "/api2/json/events", headers=stream, who=False), "events")
        console = f"/nodes/{self.api.node}/qemu/100/vncwebsocket?port=5900&vncticket={new('console ticket of nobody')}"
        self.raw(wire.request("GET", f"/api2/json{console}"), "vncwebsocket")

    def factors(self) -> None:
        planted, new = self.planted, self.planted.new
        password = planted.words["password changed by its user"]
        mine = Api(self.api.url, USER, password)
        seed = new("TOTP seed", kept=True, text=base64.b32encode(secrets.token_bytes(20)).decode())
        other = new("TOTP seed that is refused", text=base64.b32encode(secrets.token_bytes(20)).decode())
        place, uri = f"/access/tfa/{USER}", "otpauth://totp/x?secret={}&issuer=x"
        good = {"type": "totp", "totp": uri.format(seed), "value": totp.code(seed, time.time()), "description": "x"}
        self.call("POST", place, who=mine, **good, password=new("wrong password beside a seed"), good=False)
        bad = {**good, "totp": uri.format(other), "value": "000000"}
        self.call("POST", place, who=mine, **bad, password=password, good=False)
        self.call(
            "POST",
            place,
            who=mine,
            **{**good, "totp": f"otpauth:/{new('malformed seed')}"},
            password=password,
            good=False,
        )
        entry = self.call("POST", place, who=mine, **good, password=password, good=True)["id"]
        told = self.call("POST", place, who=mine, type="recovery", password=password, hands_out=True, good=True)
        for number, key in enumerate(told["recovery"][:3]):
            new(f"recovery key {number}", text=key)
        self.call("DELETE", f"{place}/{entry}", who=mine, password=new("wrong password in a query"), good=False)

        def half() -> str:
            free = requests.post(
                f"{self.api.url}/api2/json/access/ticket",
                data={"username": USER, "password": password},
                verify=False,
                timeout=90,
            )
            return str(free.json()["data"]["ticket"])

        ticket = half()
        new("half ticket", text=ticket.partition("::")[2])
        key = {"username": USER, "password": f"recovery:{told['recovery'][0]}", "tfa-challenge": ticket}
        assert (
            requests.post(f"{self.api.url}/api2/json/access/ticket", data=key, verify=False, timeout=90).status_code
            == 200
        )
        # what people do: the answer without its type, or another secret in its place
        self.login(username=USER, password=new("answer without a type"), **{"tfa-challenge": half()})
        self.login(username=USER, password=f"recovery:{new('wrong recovery key')}", **{"tfa-challenge": half()})
        self.login(username=USER, password=f"{new('answer of an odd type')}:x", **{"tfa-challenge": half()})

    def tokens(self) -> None:
        place = f"/access/users/{USER}/token/tt"
        made = self.call("POST", place, privsep=0, hands_out=True, good=True)["value"]
        self.planted.new("secret of a token", text=made)
        again = self.call("PUT", place, regenerate=1, hands_out=True, good=True)["value"]
        self.planted.new("secret of a token made anew", text=again)
        header = {"Authorization": f"PVEAPIToken={USER}!tt={again}"}
        for path in ("version", "cluster/resources", f"nodes/{self.api.node}/tasks", "access/permissions"):
            requests.get(f"{self.api.url}/api2/json/{path}", headers=header, verify=False, timeout=60)
        requests.get(f"{self.api.url}/metrics", headers=header, verify=False, timeout=60)
        self.raw(
            self.wire.request("GET", f"/api2/json/version?token={self.planted.new('token in a query')}"),
            "token in a query",
        )

    def realms(self) -> None:
        new = self.planted.new
        ldap = {"type": "ldap", "server1": "192.0.2.1", "base_dn": "dc=x", "user_attr": "uid", "bind_dn": "cn=x"}
        oid = {"type": "openid", "issuer-url": "https://192.0.2.1/", "client-id": "x"}
        place = "/access/domains"
        self.call("POST", place, realm="keepldap", **ldap, password=new("bind password", kept=True), good=True)
        self.call("PUT", f"{place}/keepldap", password=new("bind password changed", kept=True), good=True)
        self.call(
            "POST", place, realm="keepldap", **ldap, password=new("bind password of a realm that exists"), good=False
        )
        self.call("POST", place, realm="x", type="ldap", password=new("bind password of half a realm"), good=False)
        self.call("PUT", f"{place}/pve", password=new("bind password of realm pve"), good=False)
        self.call("POST", place, realm="keepoid", **oid, **{"client-key": new("client key", kept=True)}, good=True)
        self.call("PUT", f"{place}/keepoid", **{"client-key": new("client key changed", kept=True)}, good=True)
        self.call("PUT", f"{place}/keepoid", **{"client-key": new("client key too long") * 12}, good=False)

    def storages(self) -> None:
        for type in ("cifs", "pbs", "esxi"):
            given = {
                "server": "192.0.2.1",
                "share": "x",
                "datastore": "x",
                "username": "x",
                "password": self.planted.new(f"password of {type}"),
            }
            self.call("POST", "/storage", storage=f"keep-{type}", type=type, **given, good=False)
        self.call("PUT", "/storage/local", password=self.planted.new("password of a folder"), good=False)

    def certificates(self) -> None:
        place = f"/nodes/{self.api.node}/certificates/custom"
        (chain, key), (_, other) = certificate("keeper.invalid"), certificate("other.invalid")
        self.planted.new("private key", kept=True, text=key.splitlines()[1])
        self.planted.new("private key of another", text=other.splitlines()[1])
        self.call("POST", place, certificates=chain, key=other, good=False)
        self.call("POST", place, certificates="nonsense", key=other, good=False)
        self.call("POST", place, certificates=chain, key=key, good=True)

    def guests(self, template: Path) -> None:
        new, node = self.planted.new, self.api.node
        self.call("POST", f"/nodes/{node}/qemu", vmid=CT + 1, cipassword=new("password of cloud-init"))
        self.api.upload("local", "vztmpl", template)
        ct = {
            "hostname": "keeper",
            "ostemplate": f"local:vztmpl/{template.name}",
            "memory": 128,
            "swap": 0,
            "ostype": "unmanaged",
        }
        upid = self.call(
            "POST",
            f"/nodes/{node}/lxc",
            vmid=CT,
            rootfs="local:1",
            **ct,
            password=new("password of a container"),
            good=True,
        )
        self.api.wait(upid)
        again = self.call(
            "POST",
            f"/nodes/{node}/lxc",
            vmid=CT,
            rootfs="local:1",
            **ct,
            password=new("password of a container that exists"),
        )
        broken = self.call(
            "POST",
            f"/nodes/{node}/lxc",
            vmid=CT + 2,
            rootfs="local:99999999",
            **ct,
            password=new("password of a container that fails"),
        )
        for task in (again, broken):
            if task:
                self.api.wait(task, ok=False)
        self.api.wait(self.api.post(f"/nodes/{node}/lxc/{CT}/status/start"))
        opened = self.call("POST", f"/nodes/{node}/lxc/{CT}/termproxy", hands_out=True, good=True)
        new("ticket of a console", text=opened["ticket"].partition("::")[2])
        self.api.wait(self.api.post(f"/nodes/{node}/lxc/{CT}/status/stop"))

    def own_keys(self) -> None:
        """What the host has made itself."""
        keys = self.inside.shell(
            "cat /etc/pve/priv/authkey.key; echo; cat /etc/pve/pve-www.key; echo; sed -n 2p /etc/pve/priv/*ca*.key"
        ).splitlines()
        for number, line in enumerate(line for line in keys if len(line) > 20 and "-----" not in line):
            self.planted.new(f"key of the host {number}", kept=True, text=line)
        hashed = self.inside.shell("cut -d: -f2 /etc/pve/priv/shadow.cfg").split()
        self.planted.new("hash of a password", kept=True, text=hashed[0])


@pytest.fixture(scope="module")
def exposed(api: Api, inside: Inside, template: Path) -> Iterator[Exposed]:
    """Plants everything, with watchers around."""
    tidy(api, inside)
    try:
        yield expose(api, inside, template)
    finally:
        tidy(api, inside)


def expose(api: Api, inside: Inside, template: Path) -> Exposed:
    since_s, run = float(inside.run("date", "+%s")) - 1, Run(api, inside)
    watcher = inside.start(WATCH)
    heard: list[str] = []
    ended = threading.Event()

    def listen() -> None:
        cookies = {"PVEAuthCookie": api.ticket}
        with requests.get(
            f"{api.url}/api2/json/events", verify=False, stream=True, timeout=60, cookies=cookies
        ) as stream:
            for line in stream.iter_lines(decode_unicode=True):
                heard.append(line)
                if ended.is_set():
                    return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    run.tickets("root", api)
    run.users()
    run.realms()
    run.log_ins()
    run.tokens()
    run.factors()
    run.storages()
    run.guests(template)
    run.odd_requests()
    run.certificates()
    run.own_keys()
    run.answers += answers_of_everything(run)
    run.wire.close()
    seen, _ = watcher.communicate(timeout=60)
    ended.set()
    return Exposed(
        planted=run.planted,
        answers=run.answers,
        processes="\0".join(json.loads(seen)),
        events="\n".join(heard),
        since_s=since_s,
    )


def tidy(api: Api, inside: Inside) -> None:
    """Away with what was made, also by a run that was ended."""
    for path in (
        f"/access/users/{USER}",
        f"/access/users/{HOST_USER}@pam",
        "/access/domains/keepldap",
        "/access/domains/keepoid",
        f"/nodes/{api.node}/certificates/custom",
    ):
        with contextlib.suppress(ApiError):
            api.delete(path)
    guests = {row["vmid"] for row in api.get("/cluster/resources", type="vm")}
    for kind, vmid in (("lxc", CT), ("lxc", CT + 2), ("qemu", CT + 1)):
        if vmid in guests:
            api.wait(api.delete(f"/nodes/{api.node}/{kind}/{vmid}"))
    inside.shell(f"id {HOST_USER} >/dev/null 2>&1 && userdel {HOST_USER} || true")


def answers_of_everything(run: Run) -> list[tuple[str, str]]:
    """What root gets from every GET with every id there is, in three formats."""
    api = run.api
    ids: dict[str, list[str]] = {
        "node": [api.node],
        "userid": [row["userid"] for row in api.get("/access/users")],
        "realm": [row["realm"] for row in api.get("/access/domains")],
        "roleid": [row["roleid"] for row in api.get("/access/roles")][:2],
        "groupid": ["none"],
        "poolid": ["none"],
        "sid": ["vm:100"],
        "group": ["none"],
        "cputype": ["none"],
        "rule": ["none"],
        "incident": ["none"],
        "name": ["none"],
        "snapname": ["current"],
        "storage": [row["storage"] for row in api.get("/storage")],
        "tokenid": ["tt"],
        "vmid": [str(CT), str(CT + 1)],
        "upid": [row["upid"] for row in api.get(f"/nodes/{api.node}/tasks", limit=500)],
        "iface": [row["iface"] for row in api.get(f"/nodes/{api.node}/network")],
        "service": [row["service"] for row in api.get(f"/nodes/{api.node}/services")][:4],
        "id": [entry["id"] for row in api.get("/access/tfa") for entry in row["entries"]],
        "volume": [row["volid"] for row in api.get(f"/nodes/{api.node}/storage/local/content")],
    }
    more = {
        "/nodes/{node}/tasks/{upid}/log": "?limit=0",
        "/nodes/{node}/journal": "?lastentries=100000",
        "/nodes/{node}/syslog": "?limit=100000",
        "/access/users": "?full=1",
        "/cluster/log": "?max=10000",
        "/nodes/{node}/apt/changelog": "?name=hostd",
    }
    found = []
    session = requests.Session()
    session.verify, session.trust_env = False, False
    session.cookies.set("PVEAuthCookie", api.ticket)
    for endpoint in (e for e in collect(ENDPOINT_MODULES) if e.method == "GET" and "vncwebsocket" not in e.path):
        names = [name for name in ids if f"{{{name}}}" in endpoint.path]
        for chosen in product(*(ids[name] for name in names)):
            path = endpoint.path.format(**{n: quote(v, safe="") for n, v in zip(names, chosen, strict=True)})
            for format in ("json", "extjs", "html") if endpoint.path.count("{") < 2 else ("json",):
                answer = session.get(f"{api.url}/api2/{format}{path}{more.get(endpoint.path, '')}", timeout=120)
                found.append((f"GET {format} {path}", f"{answer.reason}\n{answer.text}"))
    return found


def nothing(exposed: Exposed, texts: list[tuple[str, str]]) -> None:
    """Fails with the ways whose secrets are in a text, not with the secrets."""
    found = [(where, ways) for where, text in texts if (ways := exposed.planted.found_in(text))]
    assert not found, found[:40]


def test_enough_was_planted(exposed: Exposed) -> None:
    words = list(exposed.planted.words.values())
    assert len(set(words)) == len(words) >= LEAST
    assert all(len(word) >= 12 for word in words)


def test_none_in_answers(exposed: Exposed) -> None:
    assert len(exposed.answers) > 200
    nothing(exposed, exposed.answers)


def test_none_in_arguments_and_environments(exposed: Exposed) -> None:
    assert "hostd.daemons.root" in exposed.processes
    nothing(exposed, [("/proc", exposed.processes)])


def test_none_in_events(exposed: Exposed) -> None:
    assert "event: task" in exposed.events
    nothing(exposed, [("events", exposed.events)])


def test_none_in_the_journal(exposed: Exposed, inside: Inside) -> None:
    text = inside.run("journalctl", "-b", "--no-pager", "-o", "export")
    assert "authentication failure" in text
    nothing(exposed, [("journal", text)])


def test_none_in_logs_and_task_logs(exposed: Exposed, inside: Inside) -> None:
    text = inside.shell(
        "find /var/log /run/hostd /var/lib/hostd -type f ! -path '*/journal/*' ! -name '*.db*' -exec cat {} +"
    )
    assert "POST /api2/json/access/ticket" in text
    assert "vzcreate" in text
    nothing(exposed, [("/var/log, /run/hostd, /var/lib/hostd", text)])


def search(exposed: Exposed, inside: Inside, *prefix: str) -> list[tuple[str, str]]:
    ways = {word: way for way, word in exposed.planted.words.items()}
    asked = json.dumps([exposed.since_s, list(ways)]).encode()
    lines = inside.run(*prefix, "/usr/bin/python3", "-c", SEARCH, data=asked).splitlines()
    return sorted({(path, ways[word]) for path, word in map(json.loads, lines)})


def test_none_in_files_that_anybody_reads(exposed: Exposed, inside: Inside) -> None:
    mark = "/var/tmp/secrets-are-found"
    inside.run("tee", mark, data=exposed.planted.words["query of GET"].encode())
    found = search(exposed, inside, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    inside.run("rm", mark)
    assert found == [(mark, "query of GET")]  # the search does find what is there


def test_root_alone_finds_them_where_they_belong(exposed: Exposed, inside: Inside) -> None:
    found = search(exposed, inside)
    assert found
    wrong = [(path, way) for path, way in found if way in exposed.planted.hashed or not path.startswith(KEPT)]
    assert not wrong, wrong


def test_they_work_nevertheless(exposed: Exposed, api: Api) -> None:
    """Planted for real: the last password logs in (its second factor is asked for)."""
    password = exposed.planted.words["password changed by its user"]
    told = requests.post(
        f"{api.url}/api2/json/access/ticket", data={"username": USER, "password": password}, verify=False, timeout=90
    )
    assert told.json()["data"]["NeedTFA"] == 1
    assert eventually(lambda: api.get("/access/domains/keepldap")["type"] == "ldap")
