"""The authorisation matrix, generated from the declarations: every served method refused without its privilege, not
refused with it, refused to a token that lacks it. And: nobody becomes another by what he sends.

Handlers are replaced: what is tested is everything before them. What handlers check themselves has tests of its own.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from hostd.access import tickets
from hostd.access.expressions import And, Check, Everyone, Or, PermModify, RootOnly, UserGroup, UserParam
from hostd.access.privileges import BUILTIN_ROLES
from hostd.api.app import Api, create_app
from hostd.api.endpoint import Allow, Endpoint, collect
from hostd.api.identity import PEER_UID, Identity, RememberedVerdict, RootVerdict
from hostd.core.errors import NotAuthenticated
from hostd.core.privileges import PRIVILEGES
from hostd.daemons.api_wiring import ENDPOINT_MODULES
from tests.unit.api.conftest import NOW, Site

VALUES = {
    "node": "alpha", "vmid": "4100", "newid": "4101", "userid": "target@pve", "storage": "store1", "poolid": "pool1",
    "pool": "pool1", "path": "/vms/4100", "groups": "crew", "realm": "pve", "groupid": "crew", "roleid": "R",
    "tokenid": "ci", "id": "x", "cputype": "mine",
}  # fmt: skip
Grants = list[tuple[str, str]]
GUARDED = [e for e in collect(ENDPOINT_MODULES) if not isinstance(e.allow, Everyone)]


def grants(allow: Allow) -> Grants | None:
    """What suffices: privileges by path; None where only being root or the user himself does."""
    match allow:
        case Check():
            path = allow.path
            for name, value in VALUES.items():
                path = path.replace(f"{{{name}}}", value)
            return [(path, p) for p in (allow.privileges[-1:] if allow.any_of else allow.privileges)]
        case UserParam():
            return None if allow.privilege == "self" else [("/access/realm/pve", allow.privilege)]
        case UserGroup():
            return [("/access/groups/crew", allow.privileges[0])]
        case PermModify():
            return [(VALUES["path"], "Permissions.Modify")]
        case And():
            parts = [grants(part) for part in allow.parts]
            return None if None in parts else [g for part in parts if part is not None for g in part]
        case RootOnly():
            return [("/", allow.privilege)]
        case Or():
            return next((found for part in allow.parts if (found := grants(part)) is not None), None)
    return None


def config(wanted: Grants) -> bytes:
    lines = [
        "user:holder@pve:1:", "token:holder@pve!all:0:0:", "token:holder@pve!sep:0:1:", "user:target@pve:1:",
        "user:stranger@pve:1:", "group:crew:target@pve:",
    ]  # fmt: skip
    for number, (path, privilege) in enumerate(wanted):
        lines += [f"role:r{number}:{privilege}:", f"acl:0:{path}:holder@pve:r{number}:"]
    return ("\n".join(lines) + "\n").encode()


class Matrix(Site):
    """A site whose handlers do nothing, and whose tokens all have the secret ``s``."""

    def __init__(self, files: dict[str, bytes], **identity: Any) -> None:
        super().__init__(files)
        endpoints = [dataclasses.replace(e, handler=lambda ctx, p: None) for e in self.api.endpoints]
        services = self.api._services
        identify = Identity(
            self.mirror, services.authority, RootVerdict(self.store, self.mirror), clock=lambda: NOW, **identity
        )
        self.client = Client(create_app(Api(endpoints, services, identify, None)), use_cookies=False)


TOKENS = b"holder@pve!all ssssssss\nholder@pve!sep ssssssss\n"


def ask(site: Site, endpoint: Endpoint, caller: str) -> int:
    path = endpoint.path
    for name, value in VALUES.items():
        path = path.replace(f"{{{name}}}", value)
    left = {k: v for k, v in VALUES.items() if f"{{{k}}}" not in endpoint.path}
    path = path.replace("{", "").replace("}", "")
    given = {"data": left} if endpoint.method in ("POST", "PUT") else {"query_string": left}
    if "!" not in caller:
        return int(site.call(endpoint.method, path, user=caller, **given).status_code)
    headers = {"Authorization": f"PVEAPIToken={caller}=ssssssss"}
    return int(site.client.open(f"/api2/json{path}", method=endpoint.method, headers=headers, **given).status_code)


def name(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


@pytest.mark.parametrize("endpoint", GUARDED, ids=name)
def test_the_matrix(endpoint: Endpoint) -> None:
    wanted = grants(endpoint.allow)
    site = Matrix({"user.cfg": config(wanted or []), "priv/token.cfg": TOKENS})
    assert ask(site, endpoint, "stranger@pve") == 403
    assert ask(site, endpoint, "holder@pve!sep") == 403
    if wanted is None:
        assert isinstance(endpoint.allow, Or)
        return
    assert ask(site, endpoint, "holder@pve") in (200, 400)  # allowed; 400: parameters that the path does not tell
    assert (ask(site, endpoint, "holder@pve!all") in (200, 400)) is endpoint.tokens
    if len(wanted) == 1:  # without that one privilege, the same user is refused
        bare = Matrix({"user.cfg": config([]), "priv/token.cfg": TOKENS})
        assert ask(bare, endpoint, "holder@pve") == 403


def test_the_matrix_is_not_empty() -> None:
    assert len(GUARDED) > 60
    assert {type(e.allow) for e in GUARDED} >= {Check, And, Or, UserGroup, PermModify}


def test_built_in_roles_hold_only_known_privileges() -> None:
    assert set().union(*BUILTIN_ROLES.values()) == set(PRIVILEGES)


# --- nobody becomes another by what he sends

FORGED_HEADERS = {
    "X-Forwarded-User": "root@pam", "X-Remote-User": "root@pam", "Remote-User": "root@pam", "PVEClientIP": "127.0.0.1",
    "PVEUser": "root@pam", "X-Real-IP": "127.0.0.1", "hostd.peer_uid": "0", "Hostd-Peer-Uid": "0",
    "Hostd_Peer_Uid": "0", "PVEDisableProxy": "true",
}  # fmt: skip


def forged(site: Site) -> Iterator[dict[str, str]]:
    """What a process with the front's files can make up: it has the public and the CSRF key, no other."""
    own = tickets.make_key()
    half = tickets.sign_challenge(site.key, "root@pam", "{}", now_s=NOW)
    real = site.ticket("stranger@pve")
    for ticket in (
        tickets.sign(own, "root@pam", now_s=NOW),
        tickets.sign(site.key, "root@pam", now_s=NOW - tickets.LIFETIME_S - 1),
        tickets.sign(site.key, "root@pam", now_s=NOW + 3600),
        real.replace("stranger@pve", "root@pam"),
        half,
        tickets.sign_console(site.key, "root@pam", "/vms/1", 5900, now_s=NOW),
        f"PVE:root@pam:{NOW:08X}::",
        f"PVE:root@pam:{NOW:08X}::{'A' * 86}==",
    ):
        yield {"Cookie": f"PVEAuthCookie={ticket}"}
        yield {"Authorization": f"PVEAuthCookie={ticket}"}
    yield {}
    yield {"Authorization": "PVEAPIToken=root@pam!x=guess-guess"}
    yield {"Authorization": "PVEAPIToken=root@pam"}
    yield {"Authorization": "Basic cm9vdEBwYW06eA=="}


def test_the_front_cannot_make_the_root_process_act_as_another() -> None:
    site = Matrix({}, trust_root_peer=True)
    for credentials in forged(site):
        for method in ("GET", "POST", "PUT", "DELETE"):
            headers = {
                "CSRFPreventionToken": tickets.csrf_token(b"csrf", "root@pam", now_s=NOW),
                **FORGED_HEADERS,
                **credentials,
            }
            answer = site.client.open(
                "/api2/json/access/users/stranger@pve",
                method=method,
                headers=headers,
                environ_overrides={PEER_UID: 990},
            )
            assert answer.status_code == 401, (credentials, method, answer.status)


def test_only_uid_0_is_root_without_credentials() -> None:
    for uid, status in ((0, 200), (990, 401), (33, 401), (None, 401)):
        site = Matrix({}, trust_root_peer=True)
        answer = site.client.get("/api2/json/version", environ_overrides={PEER_UID: uid})
        assert answer.status_code == status
    front = Matrix({})  # does not trust its peers, nginx being one of them
    assert front.client.get("/api2/json/version", environ_overrides={PEER_UID: 0}).status_code == 401


ATTACK = textwrap.dedent("""
    import http.client, os, socket, sys
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    class Unix(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX); self.sock.connect(sys.argv[1])
    for headers in ({}, {"hostd.peer_uid": "0", "Hostd-Peer-Uid": "0", "Remote-User": "root@pam"}):
        c = Unix("localhost"); c.request("GET", "/api2/json/version", headers=headers)
        print(c.getresponse().status)
""")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_a_real_process_of_another_user_is_nobody_to_the_root_process(tmp_path: Path) -> None:
    import socket

    from waitress.server import create_server

    from hostd.api.server import PeerChannel

    site = Matrix({}, trust_root_peer=True)
    api = Api(site.api.endpoints, site.api._services, Identity(
        site.mirror, site.api._services.authority, RootVerdict(site.store, site.mirror), trust_root_peer=True
    ), None)  # fmt: skip
    listener = socket.socket(socket.AF_UNIX)
    place = f"/tmp/hostd-peer-{os.getpid()}.sock"
    listener.bind(place)
    os.chmod(place, 0o666)
    channels: dict[int, Any] = {}
    server = create_server(create_app(api), sockets=[listener], threads=1, map=channels)
    server.channel_class = PeerChannel
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        told = subprocess.run(
            [sys.executable, "-c", ATTACK, place], capture_output=True, text=True, timeout=30, check=False
        )
        assert told.stdout.split() == ["401", "401"], told.stderr
    finally:
        server.close()
        os.unlink(place)


def test_the_front_remembers_a_tokens_verdict_until_user_cfg_changes(site: Site) -> None:
    asked, now_s = [], [0.0]

    def root(authorization: str) -> str:
        asked.append(authorization)
        if authorization != "PVEAPIToken=a@pve!tt=s":
            raise NotAuthenticated("invalid token value!")
        return "a@pve!tt"

    verdict = RememberedVerdict(root, site.api._services.authority, clock=lambda: now_s[0])
    for _ in range(3):
        assert verdict("PVEAPIToken=a@pve!tt=s") == "a@pve!tt"
    assert len(asked) == 1
    site.store.write("user.cfg", site.store.read("user.cfg").data)
    verdict("PVEAPIToken=a@pve!tt=s")
    assert len(asked) == 2
    now_s[0] += 61
    verdict("PVEAPIToken=a@pve!tt=s")
    assert len(asked) == 3
    for _ in range(2):
        with pytest.raises(NotAuthenticated):
            verdict("PVEAPIToken=a@pve!tt=wrong")
    assert len(asked) == 5
