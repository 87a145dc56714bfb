"""The wire, on an API of a few methods made for it: limits, formats, additions, strange input."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from werkzeug.test import Client

from hostd.api.app import SLOW_AT_ONCE, Api, create_app
from hostd.api.context import Context
from hostd.api.endpoint import ALL, NULL, WORLD, array, endpoint, fields
from hostd.api.server import THREADS
from hostd.api.wire import Changes, Paged
from hostd.core.errors import Changed, Conflict
from hostd.core.kinds import BOOLEAN, DIGEST, INTEGER, STRING, VMID
from hostd.core.schema import Kind, param
from tests.unit.api.conftest import Site

LIST = Kind(type="list", format="pve-vmid")
ARRAY = Kind(type="array", items=VMID)


@dataclass(frozen=True, kw_only=True)
class NoParams:
    """None."""


@dataclass(frozen=True, kw_only=True)
class EchoParams:
    """All kinds."""

    text: str = param(STRING, default="", doc="Text.")
    flag: bool = param(BOOLEAN, default=False, doc="Flag.")
    count: int = param(INTEGER, default=0, doc="Count.")
    vms: tuple[int, ...] = param(LIST, default=(), doc="Guests.")
    ids: tuple[int, ...] = param(ARRAY, default=(), doc="Guests.")
    net: dict[str, str] = param(STRING, indices=2, doc="Cards.")
    user: str = param(STRING, default="", requires="text", doc="User.")


@dataclass(frozen=True, kw_only=True)
class ItemParams:
    """One thing."""

    name: str = param(STRING, doc="Name, slashes included.")


@dataclass(frozen=True, kw_only=True)
class ChangeParams:
    """A change."""

    value: str = param(STRING, doc="Value.")
    digest: str = param(DIGEST, default="", doc="State that was read.")


STATE = {"value": "one"}


def digest() -> str:
    return hashlib.sha1(STATE["value"].encode()).hexdigest()


@endpoint("POST", "/echo", params=EchoParams, returns={"type": "object"}, allow=WORLD)
def echo(ctx: Context, p: EchoParams) -> object:
    """What came in."""
    return {k: getattr(p, k) for k in ("text", "flag", "count", "vms", "ids", "net")}


@endpoint("DELETE", "/echo", params=EchoParams, returns=NULL, allow=WORLD)
def forget(ctx: Context, p: EchoParams) -> object:
    """Nothing."""
    return p.text


@endpoint("GET", "/items", params=NoParams, returns=array(fields(name="string"), child="name"), allow=WORLD)
def items(ctx: Context, p: NoParams) -> object:
    """A page of a list."""
    return Paged(data=[{"name": "a/b:c"}], total=9)


@endpoint("GET", "/items/{name}", params=ItemParams, returns={"type": "string"}, allow=WORLD, greedy=True)
def item(ctx: Context, p: ItemParams) -> object:
    """One entry."""
    return p.name


@endpoint(
    "GET",
    "/config",
    params=NoParams,
    returns={"type": "object", "properties": fields(cores="integer", share="number", on="boolean", n="string")},
    allow=WORLD,
)
def read_config(ctx: Context, p: NoParams) -> object:
    """Loose types."""
    return {"cores": "4", "share": "1.5", "on": "1", "n": 7, "more": True, "digest": digest()}


@endpoint("PUT", "/config", params=ChangeParams, returns=NULL, allow=WORLD)
def write_config(ctx: Context, p: ChangeParams) -> object:
    """A change under a digest."""
    if p.digest and p.digest != digest():
        raise Changed("detected modified configuration - file changed by other user? Try again.")
    STATE["value"] = p.value
    return Changes(data=None, changes={"value": p.value})


@endpoint("POST", "/broken", params=NoParams, returns=NULL, allow=WORLD)
def broken(ctx: Context, p: NoParams) -> object:
    """Fails with lines and letters that a status line cannot carry."""
    raise Conflict("pool 'é\r' is used\nby others")


@endpoint("GET", "/bug", params=NoParams, returns=NULL, allow=WORLD)
def bug(ctx: Context, p: NoParams) -> object:
    """A bug."""
    raise KeyError("secret text")


@endpoint("GET", "/closed", params=NoParams, returns=NULL, allow=ALL)
def closed(ctx: Context, p: NoParams) -> object:
    """For users."""


@endpoint("GET", "/drawn", params=NoParams, returns={"type": "object"}, allow=WORLD)
def drawn(ctx: Context, p: NoParams) -> object:
    """A picture."""
    return {"filename": "/x.png", "image": b"\x89PNG\xff".decode("latin-1")}


ENDPOINTS = [drawn, echo, forget, items, item, read_config, write_config, broken, bug, closed]


@pytest.fixture
def client(site: Site) -> Client:
    STATE["value"] = "one"
    api = Api(ENDPOINTS, site.api._services, site.api._identify, None)
    return Client(create_app(api), use_cookies=False)


def post(client: Client, **kw: Any) -> Any:
    return client.post("/api2/json/echo", **kw)


FORM = "application/x-www-form-urlencoded"


def test_parameters_of_a_form(client: Client) -> None:
    body = "text=a+%C3%BC&flag=1;count=%2B7&vms=100,101%20102&ids=100&ids=200&net1=x"
    assert post(client, data=body, content_type=FORM).json["data"] == {
        "text": "a ü",
        "flag": 1,
        "count": 7,
        "vms": ["100", "101", "102"],
        "ids": [100, 200],
        "net": {"net1": "x"},
    }
    assert post(client, data="ids=100", content_type=FORM).json["data"]["ids"] == [100]


def test_parameters_of_json(client: Client) -> None:
    data = post(client, json={"flag": True, "count": 3, "vms": [100, "101"], "ids": [100], "text": None}).json["data"]
    assert (data["flag"], data["count"], data["vms"], data["ids"], data["text"]) == (1, 3, ["100", "101"], [100], "")


@pytest.mark.parametrize("body", [b"[1]", b"{", b"1", b'{"text": "\xff"}'])
def test_json_that_is_none(client: Client, body: bytes) -> None:
    answer = post(client, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert "_root" in answer.json["errors"]


def test_every_error_has_its_name(client: Client) -> None:
    answer = post(
        client, json={"ids": [1, 100, "x"], "net0": {"a": 1}, "count": 1.5, "user": "u", "flag": "yes", "x": 1}
    )
    assert set(answer.json["errors"]) == {"ids[0]", "ids[2]", "net0", "count", "text", "flag", "x"}
    assert answer.json["errors"]["text"] == "missing property required by 'user'"
    assert answer.json["errors"]["flag"] == "type check ('boolean') failed - got 'yes'"


@pytest.mark.parametrize("body", [b"text=%ff", b"\xfftext=1", b"text=%00", b"te%fext=1"])
def test_text_that_is_none(client: Client, body: bytes) -> None:
    assert post(client, data=body, content_type=FORM).status_code == 400


def test_other_contents_are_not_spoken(client: Client) -> None:
    assert post(client, data="<a/>", content_type="text/xml").status_code == 506


def test_limits(client: Client) -> None:
    assert post(client, data=b"x" * (512 * 1024 + 1), content_type=FORM).status == "501 for data too large"
    lines = {f"X-{n}": "1" for n in range(70)}
    assert client.get("/api2/json/items", headers=lines).status == "400 too many http header lines (> 64)"
    assert client.get("/api2/json/items", headers={"X": "y" * 9000}).status_code == 400
    chunked = client.post("/api2/json/echo", headers={"Transfer-Encoding": "chunked"})
    assert chunked.status == "501 chunked transfer encoding not supported"
    told = client.post("/api2/json/echo", environ_overrides={"HTTP_HOSTD_CHUNKED": "1"})
    assert told.status_code == 501
    assert client.get("/api2/json/items", data="a=1").status_code == 501


def test_parameters_of_delete(client: Client) -> None:
    assert client.delete("/api2/json/echo?text=q").json["data"] == "q"
    assert client.delete("/api2/json/echo", data={"text": "f"}).json["data"] == "f"


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "OPTIONS", "PROPFIND"])
def test_other_methods(client: Client, method: str) -> None:
    answer = client.open("/api2/json/items", method=method)
    assert (answer.status_code, answer.data) == (501, b"")
    assert answer.status.endswith("not available")


def test_ids_keep_slashes_and_colons(client: Client) -> None:
    for text in ("store:iso/x.iso", "store%3Aiso%2Fx.iso", "/store:iso//x.iso"):
        assert client.get(f"/api2/json/items/{text}").json["data"] == "store:iso/x.iso"


def test_formats(client: Client) -> None:
    assert client.get("/api2/extjs/items").json == {"success": 1, "data": [{"name": "a/b:c"}], "total": 9}
    page = client.get("/api2/htmljs/items")
    assert page.content_type == "text/html;charset=UTF-8"
    assert b"&quot;success&quot;:1" in page.data
    assert client.post("/api2/html/echo").status_code == 501
    assert client.get("/api2/gif/items").status.startswith("501 no formatter for uri")
    failed = client.post("/api2/extjs/broken")
    assert (failed.status_code, failed.json["status"], failed.json["success"]) == (200, 500, 0)
    assert (client.get("/api2/extjs/closed").status_code, client.get("/api2/extjs/closed").data) == (401, b"")


def test_pictures(client: Client) -> None:
    picture = client.get("/api2/png/drawn")
    assert (picture.status_code, picture.content_type, picture.data) == (200, "image/png", b"\x89PNG\xff")
    assert client.get("/api2/png/items").status.startswith("501 this method draws no picture")
    assert client.get("/api2/png/bug").status_code == 500
    assert client.post("/api2/png/drawn").status.startswith("501 no formatter for uri")


def test_pages_to_look_around_in(client: Client) -> None:
    page = client.get("/api2/html/items").get_data(as_text=True)
    assert '<a href="/api2/html/items/a%2Fb:c">a/b:c</a>' in page
    refused = client.get("/api2/html/closed")
    assert (refused.status_code, refused.content_type) == (401, "text/html;charset=UTF-8")
    odd = client.get("/api2/html/items/<script>").get_data(as_text=True)
    assert "<script>" not in odd


def test_messages_in_the_status_line(client: Client) -> None:
    answer = client.post("/api2/json/broken")
    assert answer.status == "500 pool '??' is used" or answer.status == "500 pool '?"
    assert answer.json["message"].endswith("by others\n")
    assert "\r" not in answer.status


def test_bugs_keep_their_text_to_the_journal(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/api2/json/bug")
    assert answer.status_code == 500
    assert "secret text" not in answer.get_data(as_text=True)
    assert "secret text" in caplog.text


def test_strict_types(client: Client) -> None:
    loose = orjson.loads(client.get("/api2/json/config").data)["data"]
    assert (loose["cores"], loose["on"], loose["n"], loose["more"]) == ("4", "1", 7, 1)
    strict = orjson.loads(client.get("/api2/json/config?strict=1").data)["data"]
    assert strict == {"cores": 4, "share": 1.5, "on": True, "n": "7", "more": True, "digest": digest()}
    assert client.get("/api2/json/config?strict=x").json["errors"] == {
        "strict": "type check ('boolean') failed - got 'x'"
    }


def test_entity_tags(client: Client) -> None:
    read = client.get("/api2/json/config")
    tag = read.headers["ETag"]
    assert tag == f'"{digest()}"'
    assert client.get("/api2/json/config", headers={"If-None-Match": tag}).status_code == 304
    assert client.put("/api2/json/config", data={"value": "two"}, headers={"If-Match": tag}).json == {
        "data": None,
        "changes": {"value": "two"},
    }
    late = client.put("/api2/json/config", data={"value": "three"}, headers={"If-Match": tag})
    assert late.status.startswith("412 detected modified configuration")
    plain = client.put("/api2/json/config", data={"value": "three", "digest": tag.strip('"')})
    assert plain.status == "500 detected modified configuration - file changed by other user? Try again."
    assert client.post("/api2/json/echo", headers={"If-Match": tag}).json["errors"].keys() == {"If-Match"}
    assert client.put("/api2/json/config", data={"value": "x"}, headers={"If-Match": "x"}).status_code == 400
    assert client.put("/api2/json/config", data={"value": "x"}, headers={"If-Match": "*"}).status_code == 200


def test_answers_are_not_kept(client: Client) -> None:
    headers = client.get("/api2/json/items").headers
    assert headers["Cache-Control"] == "max-age=0"
    assert "Set-Cookie" not in headers


def test_slow_calls_leave_room_for_others(site: Site) -> None:
    running, let_go = threading.Semaphore(0), threading.Event()

    @endpoint("GET", "/slow", params=NoParams, returns=NULL, allow=WORLD, slow=True)
    def slow(ctx: Context, p: NoParams) -> object:
        """Takes its time."""
        running.release()
        let_go.wait(20)
        return None

    api = Api([slow, items], site.api._services, site.api._identify, None)

    def status(path: str) -> int:
        return int(Client(create_app(api)).get(f"/api2/json{path}").status_code)

    with ThreadPoolExecutor(SLOW_AT_ONCE) as pool:
        calls = [pool.submit(status, "/slow") for _ in range(SLOW_AT_ONCE)]
        for _ in calls:
            assert running.acquire(timeout=20)
        assert status("/slow") == 503
        assert status("/items") == 200
        let_go.set()
        assert [call.result() for call in calls] == [200] * SLOW_AT_ONCE
    assert status("/slow") == 200
    assert SLOW_AT_ONCE < THREADS
