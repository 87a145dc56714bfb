"""/access and /pools: log-in, users, tokens, second factors, ACLs; as clients see them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hostd.access import keys, passwords, tfa, tickets, tokens
from hostd.cluster.store import File
from hostd.core.errors import Unavailable
from tests.unit.api.conftest import NOW, Site

USERS = b"""user:root@pam:1:0::::::
user:ann@pve:1:0::::::
user:bob@pve:1:0::::::
user:off@pve:0:0::::::
user:old@pve:1:1600000000::::::
group:crew:bob@pve::
role:Mine:VM.Audit,VM.Allocate:
acl:1:/access/groups/crew:ann@pve:PVEUserAdmin:
acl:1:/access/realm/pve:ann@pve:PVEUserAdmin:
acl:1:/vms/100:bob@pve:Mine:
"""
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DP"
URI = f"otpauth://totp/bob?secret={SECRET}"


@pytest.fixture(scope="module")
def hashes() -> bytes:
    weak = passwords.make_hash("bobs-password", cost=5)
    return f"ann:{passwords.make_hash('anns-password')}:\nbob:{weak}:\noff:{weak}:\nold:{weak}:\n".encode()


@pytest.fixture
def here(hashes: bytes) -> Site:
    return Site({"user.cfg": USERS, passwords.SHADOW: hashes})


def log_in(site: Site, user: str, password: str, **more: str) -> Any:
    return site.call("POST", "/access/ticket", user="", data={"username": user, "password": password, **more})


def data(answer: Any) -> Any:
    assert answer.status_code == 200, f"{answer.status} {answer.get_data(as_text=True)}"
    return answer.json["data"]


# --- log-in


def test_a_log_in_of_realm_pve_replaces_a_weak_hash(here: Site) -> None:
    told = data(log_in(here, "bob@pve", "bobs-password"))
    assert told["username"] == "bob@pve"
    assert told["cap"]["vms"] == {"VM.Allocate": 1, "VM.Audit": 1}
    stored = passwords.parse_shadow(here.store.read(passwords.SHADOW).data.decode())["bob"]
    assert not passwords.is_weak(stored)
    assert passwords.verify("bobs-password", stored)


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("bob@pve", "wrong"),
        ("nobody@pve", "bobs-password"),
        ("off@pve", "bobs-password"),
        ("old@pve", "bobs-password"),
        ("bob@nowhere", "bobs-password"),
        ("root@pam", "wrong"),
        ("b o b@pve", "x"),
    ],
)
def test_refused_log_ins_say_nothing_of_why(here: Site, user: str, password: str) -> None:
    answer = log_in(here, user, password)
    assert answer.status == "401 authentication failure"


def test_a_ticket_renews_itself_and_roots_makes_any(here: Site) -> None:
    assert data(log_in(here, "ann@pve", here.ticket("ann@pve")))["username"] == "ann@pve"
    assert data(log_in(here, "bob@pve", here.ticket("root@pam")))["username"] == "bob@pve"
    assert log_in(here, "bob@pve", here.ticket("ann@pve")).status_code == 401
    assert log_in(here, "off@pve", here.ticket("root@pam")).status_code == 401
    assert log_in(here, "old@pve", here.ticket("old@pve")).status_code == 401


def test_path_and_privs_only_check(here: Site) -> None:
    asked = {"path": "/vms/100", "privs": "VM.Audit"}
    assert data(log_in(here, "bob@pve", "bobs-password", **asked)) == {"username": "bob@pve"}
    assert log_in(here, "bob@pve", "bobs-password", path="/vms/101", privs="VM.Audit").status_code == 401
    assert "privs" in log_in(here, "bob@pve", "bobs-password", path="/vms/100").json["errors"]


def test_a_disabled_users_ticket_ends(here: Site) -> None:
    assert here.get("/version", user="bob@pve").status_code == 200
    assert here.call("PUT", "/access/users/bob@pve", data={"enable": "0"}).status_code == 200
    assert here.get("/version", user="bob@pve").status_code == 401


def test_the_key_rotates_with_overlap(here: Site) -> None:
    before = here.ticket("root@pam")
    renewed_s = here.store.read(keys.VERIFYING).mtime_s
    assert not keys.rotate_if_due(here.store, now_s=renewed_s + 60)
    assert keys.rotate_if_due(here.store, now_s=renewed_s + keys.ROTATE_S)
    assert here.store.read(keys.SIGNING).data != here.key
    assert here.client.get("/api2/json/version", headers={"Cookie": f"PVEAuthCookie={before}"}).status_code == 200
    told = data(log_in(here, "root@pam", "secret"))
    assert (
        here.client.get("/api2/json/version", headers={"Cookie": f"PVEAuthCookie={told['ticket']}"}).status_code == 200
    )
    public = tickets.Verifying(
        current=here.store.read(keys.VERIFYING).data, previous=here.store.read(keys.PREVIOUS).data, renewed_s=NOW - 900
    )
    with pytest.raises(Exception, match="invalid PVE ticket"):  # the old key must not sign any more
        tickets.verify(public, before, now_s=NOW)


def test_a_renewal_that_was_cut_off_is_put_right(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quorum was lost between the two writes: the public key is new, the one that signs is not."""
    write = here.store.write

    def lose_quorum(path: str, *args: Any, **kw: Any) -> File:
        if path == keys.SIGNING:
            raise Unavailable("the store is read-only: no quorum")
        return write(path, *args, **kw)

    renewed_s = here.store.read(keys.VERIFYING).mtime_s
    with monkeypatch.context() as patched:
        patched.setattr(here.store, "write", lose_quorum)
        assert not keys.rotate_if_due(here.store, now_s=renewed_s + keys.ROTATE_S)
    own = tickets.public_part(here.key)
    assert here.store.read(keys.VERIFYING).data != own
    cut_s = here.store.read(keys.VERIFYING).mtime_s
    assert not keys.rotate_if_due(here.store, now_s=cut_s + 5)
    assert here.store.read(keys.VERIFYING).data != own, "another node may be between its two writes"
    assert not keys.rotate_if_due(here.store, now_s=cut_s + keys.MEND_S)
    assert here.store.read(keys.VERIFYING).data == own


def test_passwords_are_changed_by_their_owner_who_knows_the_present_one(here: Site) -> None:
    new = {"userid": "bob@pve", "password": "another-password"}
    assert here.call("PUT", "/access/password", user="bob@pve", data=new).status_code == 400
    assert here.call("PUT", "/access/password", user="stranger@pve", data=new).status_code == 401
    wrong = {**new, "confirmation-password": "not-this-one"}
    assert here.call("PUT", "/access/password", user="bob@pve", data=wrong).status_code == 500
    right = {**new, "confirmation-password": "bobs-password"}
    assert here.call("PUT", "/access/password", user="bob@pve", data=right).status_code == 200
    assert log_in(here, "bob@pve", "bobs-password").status_code == 401
    assert log_in(here, "bob@pve", "another-password").status_code == 200
    root = {"userid": "root@pam", "password": "another-password", "confirmation-password": "anns-password"}
    assert here.call("PUT", "/access/password", user="ann@pve", data=root).status_code == 403


def test_console_tickets_are_checked(here: Site) -> None:
    ticket = tickets.sign_console(here.key, "bob@pve", "/vms/100", 5900, now_s=NOW)
    asked = {"authid": "bob@pve", "path": "/vms/100", "privs": "VM.Audit", "vncticket": ticket, "port": "5900"}
    assert here.call("POST", "/access/vncticket", user="", data=asked).status_code == 200
    assert here.call("POST", "/access/vncticket", user="", data={**asked, "port": "5901"}).status_code == 401
    assert here.call("POST", "/access/vncticket", user="", data={**asked, "privs": "VM.Console"}).status_code == 401


def test_root_stays_usable(here: Site) -> None:
    for field, value in (("enable", 0), ("expire", NOW - 1), ("expire", NOW + 9)):
        told = here.call("PUT", "/access/users/root@pam", data={field: value})
        assert (told.status_code, list(told.get_json()["errors"])) == (400, [field])
    assert here.call("PUT", "/access/users/root@pam", data={"expire": 0, "comment": "x"}).status_code == 200


# --- second factors


def add_totp(here: Site, user: str = "bob@pve") -> str:
    code = tfa.Totp.parse(URI).code(NOW // 30 - 1)
    told = data(here.call("POST", f"/access/tfa/{user}", data={"type": "totp", "totp": URI, "value": code}))
    return str(told["id"])


def test_two_steps(here: Site) -> None:
    add_totp(here)
    first = data(log_in(here, "bob@pve", "bobs-password"))
    assert first["NeedTFA"] == 1
    assert "cap" not in first
    half = first["ticket"]
    assert here.client.get("/api2/json/version", headers={"Cookie": f"PVEAuthCookie={half}"}).status_code == 401
    assert json.loads(tickets.verify_challenge(tickets.public_part(here.key), half, "bob@pve", now_s=NOW)) == {
        "totp": True
    }
    code = tfa.Totp.parse(URI).code(NOW // 30)
    assert log_in(here, "ann@pve", f"totp:{code}", **{"tfa-challenge": half}).status_code == 401
    assert log_in(here, "bob@pve", "totp:000000", **{"tfa-challenge": half}).status_code == 401
    assert log_in(here, "bob@pve", "x", otp=code, **{"tfa-challenge": half}).status_code == 401
    assert data(log_in(here, "bob@pve", f"totp:{code}", **{"tfa-challenge": half}))["cap"]
    assert log_in(here, "bob@pve", f"totp:{code}", **{"tfa-challenge": half}).status_code == 401  # used up


def test_a_key_without_its_type_does_not_reach_the_journal(here: Site, caplog: pytest.LogCaptureFixture) -> None:
    add_totp(here)
    half = data(log_in(here, "bob@pve", "bobs-password"))["ticket"]
    for answer in ("ab12-cd34-ef56-0789", "ab12-cd34-ef56-0789:x"):
        assert log_in(here, "bob@pve", answer, **{"tfa-challenge": half}).status_code == 401
    assert "of no known type" in caplog.text
    assert "ab12" not in caplog.text


def test_both_steps_at_once(here: Site) -> None:
    add_totp(here)
    code = tfa.Totp.parse(URI).code(NOW // 30)
    assert log_in(here, "bob@pve", "bobs-password", otp="totp:123").status_code == 401
    assert "cap" in data(log_in(here, "bob@pve", "bobs-password", otp=f"totp:{code}"))


def test_wrong_codes_lock_totp_until_a_recovery_key_or_an_administrator(here: Site) -> None:
    add_totp(here)
    keys_shown = data(here.call("POST", "/access/tfa/bob@pve", data={"type": "recovery"}))["recovery"]
    assert len(keys_shown) == len(set(keys_shown)) == tfa.RECOVERY_KEYS
    for _ in range(tfa.TOTP_TRIES):
        log_in(here, "bob@pve", "bobs-password", otp="totp:000000")
    told = json.loads(tickets.verify_challenge(
        tickets.public_part(here.key), data(log_in(here, "bob@pve", "bobs-password"))["ticket"], "bob@pve", now_s=NOW
    ))  # fmt: skip
    assert told == {"recovery": list(range(10))}
    assert data(here.get("/access/tfa"))[0]["totp-locked"] == 1
    assert data(here.call("PUT", "/access/users/bob@pve/unlock-tfa")) == 1
    assert data(here.call("PUT", "/access/users/bob@pve/unlock-tfa")) == 0
    assert data(log_in(here, "bob@pve", "bobs-password", otp=f"recovery:{keys_shown[3]}"))
    assert log_in(here, "bob@pve", "bobs-password", otp=f"recovery:{keys_shown[3]}").status_code == 401
    stored = here.store.read(tfa.PATH).data.decode()
    assert not any(key in stored for key in keys_shown)


def test_factors_are_managed_with_the_own_password(here: Site) -> None:
    id, path = add_totp(here), "/access/tfa/bob@pve"
    assert here.call("DELETE", f"{path}/{id}", user="bob@pve").status_code == 400
    assert (
        here.call("DELETE", f"{path}/{id}", user="bob@pve", query_string={"password": "wrong-one"}).status_code == 500
    )
    change = {"description": "my phone", "enable": "0", "password": "bobs-password"}
    assert here.call("PUT", f"{path}/{id}", user="bob@pve", data=change).status_code == 200
    shown = data(here.get(f"{path}/{id}", user="bob@pve"))
    assert (shown["description"], shown["enable"]) == ("my phone", 0)
    assert "cap" in data(log_in(here, "bob@pve", "bobs-password"))  # switched off
    assert (
        here.call("DELETE", f"{path}/{id}", user="ann@pve", query_string={"password": "anns-password"}).status_code
        == 200
    )
    assert data(here.get(path)) == []
    assert here.call("POST", "/access/tfa/bob@pve", data={"type": "yubico"}).status_code == 500
    assert "value" in here.call("POST", path, data={"type": "totp", "totp": URI, "value": "1"}).json["errors"]
    assert here.call("POST", path, data={"type": "webauthn"}).status_code == 500  # no relying party configured


def test_webauthn_registration_begins_with_a_challenge(here: Site) -> None:
    here.store.write("datacenter.cfg", b"webauthn: id=host.example,origin=https://host.example:8006\n")
    told = data(here.call("POST", "/access/tfa/bob@pve", data={"type": "webauthn"}))
    asked = json.loads(told["challenge"])["publicKey"]
    assert asked["rp"]["id"] == "host.example"
    answer = {"type": "webauthn", "challenge": asked["challenge"], "value": "{}"}
    assert here.call("POST", "/access/tfa/bob@pve", data=answer).status_code == 400
    other = {"type": "webauthn", "challenge": "never-asked", "value": "{}"}
    assert "challenge" in here.call("POST", "/access/tfa/bob@pve", data=other).json["errors"]
    assert "cap" in data(log_in(here, "bob@pve", "bobs-password"))  # a registration that was only begun changes nothing


# --- tokens


def make_token(here: Site, **values: str) -> str:
    return str(data(here.call("POST", "/access/users/bob@pve/token/ci", user="bob@pve", data=values))["value"])


def by_token(here: Site, secret: str, path: str, id: str = "bob@pve!ci", method: str = "GET", **kw: Any) -> Any:
    headers = {"Authorization": f"PVEAPIToken={id}={secret}"}
    return here.client.open(f"/api2/json{path}", method=method, headers=headers, **kw)


def test_a_tokens_secret_is_shown_once_and_kept_hashed(here: Site) -> None:
    secret = make_token(here, comment="for tests")
    assert by_token(here, secret, "/version").status_code == 200
    assert by_token(here, secret[:-1], "/version").status_code == 401
    assert by_token(here, "", "/version").status_code == 401
    assert by_token(here, secret, "/version", id="ann@pve!ci").status_code == 401
    assert secret not in here.store.read(tokens.PATH).data.decode()
    assert data(here.get("/access/users/bob@pve/token/ci")) == {"privsep": 1, "expire": 0, "comment": "for tests"}
    assert here.call("POST", "/access/users/bob@pve/token/ci").status_code == 500
    blank = here.client.get("/api2/json/version", headers={"Authorization": f"PVEAPIToken bob@pve!ci={secret}"})
    assert blank.status_code == 200


def test_a_separated_token_has_only_what_was_given_to_it(here: Site) -> None:
    secret = make_token(here)
    assert data(by_token(here, secret, "/access/permissions")) == {}
    grant = {"path": "/vms", "roles": "PVEVMAdmin", "tokens": "bob@pve!ci"}
    assert here.call("PUT", "/access/acl", data=grant).status_code == 200
    assert set(data(by_token(here, secret, "/access/permissions"))["/vms/100"]) == {"VM.Audit", "VM.Allocate"}
    assert here.call("PUT", "/access/users/bob@pve/token/ci", user="bob@pve", data={"privsep": "0"}).status_code == 200
    assert "/vms/100" in data(by_token(here, secret, "/access/permissions"))


def test_regenerated_expired_and_removed_tokens_end_at_once(here: Site) -> None:
    secret = make_token(here)
    told = data(here.call("PUT", "/access/users/bob@pve/token/ci", user="bob@pve", data={"regenerate": "1"}))
    assert told["full-tokenid"] == "bob@pve!ci"
    assert by_token(here, secret, "/version").status_code == 401
    assert by_token(here, told["value"], "/version").status_code == 200
    here.call("PUT", "/access/users/bob@pve/token/ci", user="bob@pve", data={"expire": str(NOW - 1)})
    assert by_token(here, told["value"], "/version").status_code == 401
    here.call("PUT", "/access/users/bob@pve/token/ci", user="bob@pve", data={"delete": "expire"})
    assert by_token(here, told["value"], "/version").status_code == 200
    assert here.call("DELETE", "/access/users/bob@pve/token/ci", user="bob@pve").status_code == 200
    assert by_token(here, told["value"], "/version").status_code == 401


def test_tokens_may_not_do_what_needs_a_person(here: Site) -> None:
    secret = make_token(here, privsep="0")
    new = {"userid": "bob@pve", "password": "another-password", "confirmation-password": "bobs-password"}
    assert by_token(here, secret, "/access/password", method="PUT", data=new).status_code == 403
    assert by_token(here, secret, "/access/tfa/bob@pve", method="POST", data={"type": "recovery"}).status_code == 403


# --- users, groups, roles, ACLs


def test_a_users_life(here: Site) -> None:
    new = {"userid": "zoe@pve", "password": "zoes-password", "comment": "new: one", "groups": "crew"}
    assert here.call("POST", "/access/users", user="bob@pve", data=new).status_code == 403
    assert here.call("POST", "/access/users", user="ann@pve", data={**new, "groups": ""}).status_code == 403
    assert here.call("POST", "/access/users", user="ann@pve", data=new).status_code == 200
    again = here.call("POST", "/access/users", data=new)
    assert (again.status_code, "already exists" in again.status) == (500, True)
    shown = data(here.get("/access/users/zoe@pve"))
    assert (shown["comment"], shown["groups"], shown["tokens"]) == ("new: one", ["crew"], None)
    assert {row["userid"] for row in data(here.get("/access/users", user="ann@pve"))} == {
        "ann@pve",
        "bob@pve",
        "zoe@pve",
    }
    assert data(log_in(here, "zoe@pve", "zoes-password"))
    full = {row["userid"]: row for row in data(here.get("/access/users?full=1"))}
    assert full["zoe@pve"]["groups"] == "crew"
    assert here.call("PUT", "/access/users/zoe@pve", data={"groups": "", "lastname": "Z"}).status_code == 200
    assert data(here.get("/access/users/zoe@pve"))["groups"] == []
    assert here.call("DELETE", "/access/users/zoe@pve").status_code == 200
    assert here.call("POST", "/access/users", data={"userid": "zoe@pve"}).status_code == 200
    assert log_in(here, "zoe@pve", "zoes-password").status_code == 401  # nothing is inherited
    missing = here.call("PUT", "/access/users/ghost@pve", data={"comment": "x"})
    assert "no such user ('ghost@pve')" in missing.status
    assert here.call("POST", "/access/users", data={"userid": "zoe@mars"}).status_code == 500
    assert here.call("DELETE", "/access/users/root@pam").status_code == 500


def test_groups_and_roles(here: Site) -> None:
    assert here.call("POST", "/access/groups", data={"groupid": "ops", "comment": "c"}).status_code == 200
    assert data(here.get("/access/groups/ops")) == {"members": [], "comment": "c"}
    assert [row["groupid"] for row in data(here.get("/access/groups", user="ann@pve"))] == ["crew"]
    assert here.call("PUT", "/access/groups/ops", data={"comment": "d"}).status_code == 200
    assert here.call("DELETE", "/access/groups/ops").status_code == 200
    assert here.get("/access/groups/ops").status_code == 500
    assert here.call("POST", "/access/roles", data={"roleid": "R", "privs": "VM.Audit"}).status_code == 200
    assert here.call("PUT", "/access/roles/R", data={"privs": "VM.Console", "append": "1"}).status_code == 200
    assert data(here.get("/access/roles/R")) == {"VM.Audit": 1, "VM.Console": 1}
    assert here.call("PUT", "/access/roles/PVEAdmin", data={"privs": "VM.Console"}).status_code == 500
    assert "privs" in here.call("POST", "/access/roles", data={"roleid": "S", "privs": "No.Such"}).json["errors"]
    assert here.call("DELETE", "/access/roles/R").status_code == 200
    assert len(data(here.get("/access/roles", user="bob@pve"))) == 18


def test_acls_are_handed_out_within_what_one_has(here: Site) -> None:
    change = {"path": "/vms/100", "users": "ann@pve"}
    assert here.call("PUT", "/access/acl", user="bob@pve", data={**change, "roles": "PVEVMAdmin"}).status_code == 403
    assert here.call("PUT", "/access/acl", user="bob@pve", data={**change, "roles": "NoAccess"}).status_code == 403
    assert here.call("PUT", "/access/acl", user="bob@pve", data={**change, "roles": "Mine"}).status_code == 200
    assert (
        here.call("PUT", "/access/acl", user="bob@pve", data={**change, "path": "/", "roles": "Mine"}).status_code
        == 403
    )
    seen = data(here.get("/access/acl", user="bob@pve"))
    assert {(row["path"], row["ugid"]) for row in seen} == {("/vms/100", "ann@pve"), ("/vms/100", "bob@pve")}
    assert here.call("PUT", "/access/acl", data={**change, "roles": "Mine", "delete": "1"}).status_code == 200
    assert len(data(here.get("/access/acl"))) == 3
    for bad in ({"path": "/nonsense"}, {"users": "ghost@pve"}, {"roles": "NoSuch"}, {"users": ""}):
        assert here.call("PUT", "/access/acl", data={**change, "roles": "Mine", **bad}).status_code in (400, 500)


def test_nothing_is_lost_when_two_write_at_once(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    write, raced = here.store.write, []

    def racing(path: str, content: bytes, **kw: Any) -> Any:
        if path == "user.cfg" and not raced:
            raced.append(True)
            write(path, here.store.read(path).data + b"group:other:::\n")
        return write(path, content, **kw)

    monkeypatch.setattr(here.store, "write", racing)
    assert here.call("POST", "/access/groups", data={"groupid": "mine"}).status_code == 200
    assert {"other", "mine"} <= {row["groupid"] for row in data(here.get("/access/groups"))}


# --- realms


def test_realms_are_kept_without_their_secrets(here: Site) -> None:
    assert [row["realm"] for row in data(here.get("/access/domains", user=""))] == ["pam", "pve"]
    new = {"realm": "corp", "type": "ldap", "base_dn": "dc=x", "server1": "ldap.example", "user_attr": "uid",
           "password": "bind-secret", "default": "1"}  # fmt: skip
    assert "server1" in here.call("POST", "/access/domains", data={**new, "server1": ""}).json["errors"]
    assert "domain" in here.call("POST", "/access/domains", data={**new, "domain": "d"}).json["errors"]
    assert here.call("POST", "/access/domains", data=new).status_code == 200
    shown = data(here.get("/access/domains/corp"))
    assert shown["server1"] == "ldap.example"
    assert "password" not in shown
    assert here.store.read("priv/realm/corp.pw").data == b"bind-secret"
    assert b"bind-secret" not in here.store.read("domains.cfg").data
    stale = here.call("PUT", "/access/domains/corp", data={"comment": "c", "digest": "0" * 40})
    assert "detected modified configuration" in stale.status
    fresh = {"comment": "c", "digest": shown["digest"], "delete": "password,default"}
    assert here.call("PUT", "/access/domains/corp", data=fresh).status_code == 200
    assert here.mirror.get("priv/realm/corp.pw") is None
    assert "base_dn" in here.call("PUT", "/access/domains/corp", data={"delete": "base_dn"}).json["errors"]
    assert log_in(here, "joe@corp", "x").status_code == 401
    assert here.call("DELETE", "/access/domains/corp").status_code == 200
    assert here.call("DELETE", "/access/domains/pve").status_code == 500


def test_a_realm_may_demand_a_second_factor(here: Site) -> None:
    assert here.call("PUT", "/access/domains/pve", data={"tfa": "type=oath"}).status_code == 200
    assert log_in(here, "bob@pve", "bobs-password").status_code == 401
    add_totp(here)
    assert data(log_in(here, "bob@pve", "bobs-password"))["NeedTFA"] == 1
    assert here.call("PUT", "/access/domains/pve", data={"tfa": "type=yubico"}).status_code == 400


# --- pools


def test_pools(here: Site) -> None:
    here.store.write("nodes/alpha/qemu-server/100.conf", b"name: web\nmemory: 512\n")
    here.store.write("nodes/alpha/qemu-server/101.conf", b"memory: 512\n")
    assert here.call("POST", "/pools", data={"poolid": "top/sub"}).status_code == 500
    for pool in ("top", "top/sub"):
        assert here.call("POST", "/pools", data={"poolid": pool, "comment": "c"}).status_code == 200
    assert here.call("PUT", "/pools", data={"poolid": "top/sub", "vms": "100", "storage": "local"}).status_code == 200
    assert here.call("PUT", "/pools/top", data={"vms": "100"}).status_code == 500
    assert here.call("PUT", "/pools/top", data={"vms": "100", "allow-move": "1"}).status_code == 200
    assert here.call("PUT", "/pools/top", data={"vms": "999"}).status_code == 500
    assert here.call("PUT", "/pools/top").status_code == 500
    told = data(here.get("/pools?poolid=top/sub"))[0]
    assert [m["id"] for m in told["members"]] == ["storage/alpha/local"]
    assert [m["vmid"] for m in data(here.get("/pools/top"))["members"]] == [100]
    assert here.call("DELETE", "/pools", query_string={"poolid": "top"}).status_code == 500
    assert here.call("PUT", "/pools/top", data={"vms": "100", "delete": "1"}).status_code == 200
    assert here.call("PUT", "/pools", data={"poolid": "top/sub", "storage": "local", "delete": "1"}).status_code == 200
    assert here.call("DELETE", "/pools", query_string={"poolid": "top"}).status_code == 500  # has a pool below it
    assert here.call("DELETE", "/pools", query_string={"poolid": "top/sub"}).status_code == 200
    assert here.call("DELETE", "/pools/top").status_code == 200
    assert here.get("/pools?type=qemu").status_code == 400


def test_whoever_fills_a_pool_must_own_what_he_puts_in(here: Site) -> None:
    for vmid in (100, 101):
        here.store.write(f"nodes/alpha/qemu-server/{vmid}.conf", b"memory: 512\n")
    here.call("POST", "/pools", data={"poolid": "p"})
    grant = {"path": "/pool/p", "roles": "PVEPoolAdmin", "users": "bob@pve"}
    assert here.call("PUT", "/access/acl", data=grant).status_code == 200
    assert here.call("PUT", "/pools", user="bob@pve", data={"poolid": "p", "vms": "101"}).status_code == 403
    assert here.call("PUT", "/pools", user="bob@pve", data={"poolid": "p", "vms": "100"}).status_code == 200
