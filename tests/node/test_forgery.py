"""Tickets, tokens and codes that are forged, replayed, expired or from the future, on a real node.

Odd times are signed inside the node with its own key by the production code, called with another clock.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlencode

import pytest

from tests.lib import totp
from tests.lib.apiclient import Api, ApiError
from tests.lib.inside import Inside, check_unharmed, look
from tests.lib.rawhttp import Answer, Wire

USER, PASSWORD = "forger@pve", "a-forgers-password"
SIGN = """
import json, sys, time
from hostd.access import keys, tickets
own = open("/etc/pve/priv/authkey.key", "rb").read()
csrf_key = open("/etc/pve/" + keys.CSRF, "rb").read()
def key(of):
    return own if of == "own" else tickets.make_key()
out = []
for kind, user, ahead_s, of in json.load(sys.stdin):
    now_s = int(time.time()) + ahead_s
    if kind == "ticket":
        out.append(tickets.sign(key(of), user, now_s=now_s))
    elif kind == "half":
        out.append(tickets.sign_challenge(key(of), user, '{"totp":true}', now_s=now_s))
    elif kind == "console":
        out.append(tickets.sign_console(key(of), user, "/vms/100", 5900, now_s=now_s))
    else:
        out.append(tickets.csrf_token(csrf_key if of == "own" else b"x" * 48, user, now_s=now_s))
print(json.dumps(out))
"""


@pytest.fixture(scope="module", autouse=True)
def unharmed(api: Api, inside: Inside) -> Iterator[None]:
    before = look(inside)
    yield
    assert api.get("/version")["version"]
    check_unharmed(inside, before)


@pytest.fixture
def mine(api: Api) -> Iterator[Api]:
    """A user of his own for each test, logged in."""
    api.post("/access/users", userid=USER, password=PASSWORD)
    yield Api(api.url, USER, PASSWORD)
    if USER in {row["userid"] for row in api.get("/access/users")}:
        api.delete(f"/access/users/{USER}")


def signed(inside: Inside, *wanted: tuple[str, str, int, str]) -> list[str]:
    """Made by the node itself: (kind, user, seconds ahead of now, key)."""
    made: list[str] = json.loads(inside.python(SIGN, data=json.dumps(wanted).encode()))
    return made


def cookie(ticket: str) -> str:
    return f"PVEAuthCookie={quote(ticket, safe='')}"


def ask(wire: Wire, headers: dict[str, str], *, method: str = "GET", path: str = "/version", body: str = "") -> Answer:
    told = {**headers, "Content-Type": "application/x-www-form-urlencoded"} if body else headers
    return wire.request(method, f"/api2/json{path}", headers=told, body=body.encode(), who=False)


def all_refused(wire: Wire, headers: list[dict[str, str]], *, status: int = 401, **how: str) -> None:
    """Each is refused with the status, and the refusal is a clear one without any detail of ours."""
    with ThreadPoolExecutor(16) as many:
        answers = list(many.map(lambda h: ask(wire, h, **how), headers))
    wrong = [(h, a) for h, a in zip(headers, answers, strict=True) if a.status != status or a.fault()]
    assert not wrong, wrong


def test_tickets_out_of_time_or_of_another_kind(wire: Wire, inside: Inside) -> None:
    good = signed(
        inside,
        ("ticket", "root@pam", 0, "own"),
        ("ticket", "root@pam", -7000, "own"),
        ("ticket", "root@pam", 240, "own"),
    )
    assert [ask(wire, {"Cookie": cookie(t)}).status for t in good] == [200, 200, 200]
    bad = signed(
        inside, ("ticket", "root@pam", -7300, "own"), ("ticket", "root@pam", -90_000, "own"),
        ("ticket", "root@pam", 400, "own"), ("ticket", "root@pam", 10**8, "own"), ("ticket", "root@pam", 0, "other"),
        ("ticket", "nobody@pve", 0, "own"), ("ticket", "nobody", 0, "own"), ("ticket", "", 0, "own"),
        ("ticket", "root@pam!token", 0, "own"), ("ticket", "!tfa!{}", 0, "own"), ("ticket", "root@pam\n", 0, "own"),
        ("ticket", "a\0@pve", 0, "own"), ("half", "root@pam", 0, "own"), ("console", "root@pam", 0, "own"),
    )  # fmt: skip
    all_refused(wire, [{"Cookie": cookie(t)} for t in bad])
    all_refused(wire, [{"Authorization": cookie(t)} for t in bad])


def forgeries(ticket: str) -> list[str]:
    """Changes of a good ticket, each of which must spoil it."""
    body, _, signature = ticket.partition("::")
    raw = base64.b64decode(signature)
    kind, user, stamp = body.split(":")
    flipped = base64.b64encode(bytes([raw[0] ^ 1]) + raw[1:]).decode()
    # the group order of Ed25519 added to the signature's second half: the same equation, another text (RFC 8032, 5.1.7)
    order = 2**252 + 27742317777372353535851937790883648493
    high = int.from_bytes(raw[32:], "little") + order
    malleable = base64.b64encode(raw[:32] + high.to_bytes(32, "little")).decode()
    return [
        f"{body}::{flipped}",
        f"{body}::",
        f"{body}::{signature[:-4]}",
        f"{body}::{signature}AAAA",
        f"{body}::{signature}\n",
        f"{body}::!{signature[1:]}",
        f"{body}:{signature}",
        body,
        signature,
        "",
        f"{body}::{malleable}",
        f"{kind}:{user}:{int(stamp, 16) + 1:08X}::{signature}",
        f"{kind}:{user}:{stamp.lower()}::{signature}",
        f"{kind}:{USER}:{stamp}::{signature}",
        f"{kind}:root%40pam:{stamp}::{signature}",
        f"{kind}:ROOT@pam:{stamp}::{signature}",
        f"{kind}:{user}:FFFFFFFF::{signature}",
        f"{kind}:{user}:{stamp}0::{signature}",
        f"{kind}VNC:{user}:{stamp}::{signature}",
        f"{kind}:{user}\0:{stamp}::{signature}",
        f"{ticket}\0",
        f" {ticket}",
        f"{ticket}::{signature}",
        "PVE:" * 500,
        "\ud7ff" * 100,
        f"{kind}:{user}:{stamp}::" + "A" * 6000,
        f"PMG{body[3:]}::{signature}",
    ]


def test_forged_tickets(api: Api, wire: Wire) -> None:
    assert ask(wire, {"Cookie": cookie(api.ticket)}).status == 200
    every = [t for t in forgeries(api.ticket) if t.strip() != api.ticket]
    all_refused(wire, [{"Cookie": cookie(t)} for t in every])
    all_refused(wire, [{"Authorization": cookie(t)} for t in every])
    wrong = ["PVEAuthCookie", "PVEAuthCookie=%", "PVEAuthCookie=%ff%fe", "PVEAuthCookie=\xff", "=", ";;;", "a" * 4000]
    all_refused(wire, [{"Cookie": text} for text in wrong])
    two = f"PVEAuthCookie=PVE:x; {cookie(api.ticket)}"
    assert ask(wire, {"Cookie": two}).status in (200, 401)


def test_forged_tickets_renew_nothing(api: Api, wire: Wire, inside: Inside, mine: Api) -> None:
    """A ticket in place of the password: the own one renews, root's makes others', nothing else does."""

    def status(user: str, secret: str) -> int:
        body = urlencode({"username": user, "password": secret}, errors="surrogatepass")
        return ask(wire, {}, method="POST", path="/access/ticket", body=body).status

    assert (status(USER, mine.ticket), status(USER, api.ticket)) == (200, 200)
    old, early, half, console = signed(
        inside,
        ("ticket", USER, -7300, "own"),
        ("ticket", USER, 400, "own"),
        ("half", USER, 0, "own"),
        ("console", USER, 0, "own"),
    )
    # each failure makes the next of the same user and address wait: users of their own, where it may be any
    tried = [
        ("root@pam", mine.ticket),
        (USER, old),
        (USER, early),
        (USER, half),
        ("nobody@pve", api.ticket),
        ("x@pve", console),
    ]
    with ThreadPoolExecutor(8) as many:
        assert set(many.map(lambda one: status(*one), tried)) == {401}
    assert status(USER, PASSWORD) == 200


def test_changes_need_the_csrf_token_of_the_ticket(api: Api, wire: Wire, inside: Inside, mine: Api) -> None:
    def headers(token: str | None) -> dict[str, str]:
        return {"Cookie": cookie(api.ticket)} | ({} if token is None else {"CSRFPreventionToken": token})

    old, early, foreign, right, near = signed(
        inside, ("csrf", "root@pam", -7300, "own"), ("csrf", "root@pam", 400, "own"), ("csrf", "root@pam", 0, "other"),
        ("csrf", "root@pam", 0, "own"), ("csrf", "root@pam", 240, "own"),
    )  # fmt: skip
    how = {"method": "PUT", "path": "/cluster/options", "body": "keyboard=de"}
    assert {ask(wire, headers(token), **how).status for token in (right, near, api.csrf)} == {200}
    stamp, _, mac = right.partition(":")
    wrong = [None, "", ":", mine.csrf, old, early, foreign, mac, f"{stamp}:", f"{stamp}:{mac[:-1]}", f"{stamp}:{mac}=",
             f"{int(stamp, 16) + 1:08X}:{mac}", "x" * 3000, "\xff\xfe", api.ticket[:900]]  # fmt: skip
    all_refused(wire, [headers(token) for token in wrong], **how)
    all_refused(wire, [headers(None)], method="DELETE", path="/access/groups/none")


def test_tickets_end_with_their_user(api: Api, wire: Wire, mine: Api) -> None:
    made = api.post(f"/access/users/{USER}/token/tt", privsep=0)["value"]
    held = [{"Cookie": cookie(mine.ticket)}, {"Authorization": f"PVEAPIToken={USER}!tt={made}"}]
    assert [ask(wire, h).status for h in held] == [200, 200]
    api.put(f"/access/users/{USER}", enable=0)
    all_refused(wire, held)
    api.put(f"/access/users/{USER}", enable=1, expire=int(time.time()) - 60)
    all_refused(wire, held)
    api.put(f"/access/users/{USER}", expire=0)
    assert [ask(wire, h).status for h in held] == [200, 200]
    api.delete(f"/access/users/{USER}")
    all_refused(wire, held)
    api.post("/access/users", userid=USER, password=PASSWORD)
    all_refused(wire, held[1:])  # a new user of that name has not inherited the token


def test_forged_tokens(api: Api, wire: Wire, mine: Api) -> None:
    made = api.post(f"/access/users/{USER}/token/tt", privsep=0)["value"]
    other = api.post(f"/access/users/{USER}/token/uu", privsep=0, expire=int(time.time()) - 60)["value"]
    good = f"PVEAPIToken={USER}!tt={made}"
    assert ask(wire, {"Authorization": good}).status == 200
    wrong = [
        f"PVEAPIToken={USER}!tt={other}",
        f"PVEAPIToken={USER}!uu={other}",
        f"PVEAPIToken={USER}!uu={made}",
        f"PVEAPIToken={USER}!none={made}",
        f"PVEAPIToken=root@pam!tt={made}",
        f"PVEAPIToken=root@pam={made}",
        f"PVEAPIToken={USER}={PASSWORD}",
        f"PVEAPIToken={USER}!tt=",
        f"PVEAPIToken={USER}!tt",
        "PVEAPIToken=",
        "PVEAPIToken",
        f"PVEAPIToken={USER}!tt={made.upper()}",
        f"PVEAPIToken={USER}!tt={made[:-1]}",
        f"PVEAPIToken={USER}!tt={made}x",
        f"pveapitoken={USER}!tt={made}",
        f"Bearer {made}",
        "Basic cm9vdEBwYW06eA==",
        f"PVEAPIToken={USER}%00!ttt={made}",
        f"PVEAPIToken={USER}!tt%0a={made}",
        f"PVEAPIToken={USER}!tt={made}%00",
        "PVEAPIToken=%ff%fe",
        "PVEAPIToken=\xff",
        "PVEAPIToken=" + "A" * 7000,
        f"PVEAPIToken=../{USER}!tt={made}",
        f"PVEAPIToken={USER}!tt=$sha256${'0' * 64}",
    ]
    all_refused(wire, [{"Authorization": text} for text in wrong])
    assert ask(wire, {"Authorization": good}).status == 200


def test_a_code_and_a_recovery_key_are_good_once(api: Api, mine: Api) -> None:
    secret = base64.b32encode(b"twenty secret bytes!").decode()
    first_s = time.time()
    uri = f"otpauth://totp/x:{USER}?secret={secret}&issuer=x"
    mine.post(
        f"/access/tfa/{USER}",
        type="totp",
        totp=uri,
        value=totp.code(secret, first_s),
        password=PASSWORD,
        description="t",
    )
    keys = mine.post(f"/access/tfa/{USER}", type="recovery", password=PASSWORD)["recovery"]

    def half() -> str:
        told = api.post("/access/ticket", username=USER, password=PASSWORD)
        assert told["NeedTFA"] == 1
        return str(told["ticket"])

    def second(ticket: str, answer: str) -> str:
        told = api.post("/access/ticket", username=USER, password=answer, **{"tfa-challenge": ticket})
        return str(told["ticket"])

    while time.time() // 30 == first_s // 30:  # the code of the registration may be used up
        time.sleep(0.5)
    ticket, code = half(), totp.code(secret, time.time())
    assert second(ticket, f"totp:{code}").startswith(f"PVE:{USER}:")
    for again, answer in ((half(), f"totp:{code}"), (ticket, f"totp:{code}"), (half(), "totp:000000x")):
        with pytest.raises(ApiError) as caught:
            second(again, answer)
        assert caught.value.status == 401
    api.put(f"/access/users/{USER}/unlock-tfa")
    assert second(half(), f"recovery:{keys[0]}")
    with pytest.raises(ApiError) as caught:
        second(half(), f"recovery:{keys[0]}")
    assert caught.value.status == 401
