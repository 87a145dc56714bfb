"""Hostile input on a real node: every piece gets a clear refusal, nothing is a bug's answer, every daemon lives on.

What counts as clear is ``rawhttp.Answer.fault``. Paths and parameters come from the declarations, so that a new method
is tried without a line here.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from hostd.api.endpoint import Endpoint, collect
from hostd.core.schema import Row, rows
from hostd.daemons.api_wiring import ENDPOINT_MODULES
from tests.lib.apiclient import Api
from tests.lib.inside import Inside, check_unharmed, look
from tests.lib.rawhttp import Answer, Wire, parse

# No JSON; and what begins a cluster for nearly any name, which restarts daemons under the test (tests/cluster has it).
LEFT_OUT = {("GET", "/metrics"), ("POST", "/cluster/config")}
ENDPOINTS = [e for e in collect(ENDPOINT_MODULES) if (e.method, e.path) not in LEFT_OUT]
CANARY, SAID = "/etc/hostile-canary", "the canary sings"
VICTIM, STORAGE = "hostile@pve", "hostile"
AT_ONCE = 16

# Raw bytes of a path segment; none of them is the id of anything.
IDS: tuple[bytes, ...] = (
    b"..", b".", b"...", b"%2e%2e", b"..%2f..%2f..%2f..%2f..%2f..%2fetc%2fhostile-canary", b"%2fetc%2fhostile-canary",
    b"%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fhostile-canary", b"..%5c..%5cetc", b"%252e%252e%252fetc",
    b"%c0%ae%c0%ae%c0%afetc", b"x%2f..%2f..%2fpriv%2fauthkey.key", b"priv%2fauthkey.key", b"%00", b"a%00b", b"%ff%fe",
    b"\xff\xfe", b"a%0d%0aX-Injected:%20yes", b"a%0aX-Injected:%20yes", b"%e2%80%ae", b"%20", b"$(touch%20x)", b"`id`",
    b";id", b"|id", b"--help", b"-o", b"*", b"%", b"%zz", b"~root", b"A" * 4000, b"9" * 400, b"-1", b"0x10",
    b"a%27%22<>", b"%F0%9F%92%A9",
)  # fmt: skip

# Values of parameters, as a form and as JSON have them.
FORM_VALUES: tuple[bytes, ...] = (
    b"%00",
    b"a%00b",
    b"%ff%fe%fd",
    b"\xff\xfe",
    b"a%0d%0aX-Injected:%20yes",
    b"%0aroot:x",
    b"..%2f..%2f..%2fetc%2fpasswd",
    b"A" * 100_000,
    b"9" * 5000,
    b"-9" + b"9" * 30,
    b"1e999",
    b"NaN",
    b"%ED%A0%80",
    b"%EF%BF%BF",
    b"$(id);`id`|id",
)
JSON_VALUES: tuple[object, ...] = (
    {},
    [],
    {"a": {"b": ["c"]}},
    [[[]]],
    [{}],
    "\0",
    "a\r\nX-Injected: yes",
    10**18,
    10**30,
    -(10**30),
    1e308,
    -0.0,
    0.5,
    "\u202e\uffff",
    "x" * 70_000,
    True,
    [True, False],
    ["a", "a"],
    "../../etc/passwd",
)


@pytest.fixture(scope="module", autouse=True)
def unharmed(api: Api, inside: Inside) -> Iterator[None]:
    """Around all tests: a file to be read by mistake, a user to be hit by mistake; afterwards all is as it was."""
    inside.run("tee", CANARY, data=SAID.encode())
    if VICTIM not in {row["userid"] for row in api.get("/access/users")}:  # left by a run that was ended
        api.post("/access/users", userid=VICTIM, password="a-password-of-no-use")
    hosts = api.get(f"/nodes/{api.node}/hosts")["data"]
    if STORAGE not in {row["storage"] for row in api.get("/storage")}:
        api.post("/storage", storage=STORAGE, type="dir", path="/var/lib/hostile", content="iso,images")
    before = look(inside)
    yield
    assert api.get("/version")["version"]
    # there, whether enabled or not: -0.0 is a no, and the last of many calls at once wins
    assert "enable" in api.get(f"/access/users/{VICTIM}")
    assert inside.run("cat", CANARY) == SAID
    assert inside.shell("ls /var/lib/hostd/uploads; ls / | grep -c '^x$' || true").split() == ["0"]
    api.delete(f"/access/users/{VICTIM}")
    api.delete(f"/storage/{STORAGE}")
    api.post(f"/nodes/{api.node}/hosts", data=hosts)
    check_unharmed(inside, before)


def refused(told: list[tuple[object, Answer]], *, also: Callable[[Answer], bool] = lambda _answer: False) -> None:
    """Fails with every answer that is no clear refusal (nor allowed by ``also``)."""
    wrong = []
    for what, answer in told:
        fault = "" if also(answer) else answer.fault()
        if SAID.encode() in answer.body or b"root:x:0" in answer.body or b"PRIVATE KEY" in answer.body:
            fault = "it shows a file"
        if fault:
            wrong.append(f"{what}: {fault}")
    assert not wrong, f"{len(wrong)} of {len(told)}:\n" + "\n".join(wrong[:40])


def all_of(calls: list[tuple[object, Callable[[], Answer]]]) -> list[tuple[object, Answer]]:
    """The calls, some at once: refusals of log-ins take three seconds each."""
    with ThreadPoolExecutor(AT_ONCE) as many:
        return list(zip([what for what, _ in calls], many.map(lambda call: call[1](), calls), strict=True))


def is_the_page(answer: Answer) -> bool:
    """nginx resolves ``..`` in paths: what is then outside the API is the web interface's page or a redirect to it."""
    return answer.status in (200, 301) and b"<html" in answer.body.lower() and not answer.message


# --- ids in paths


def in_path(endpoint: Endpoint) -> list[str]:
    return re.findall(r"\{([^}]+)\}", endpoint.path)


def filled(endpoint: Endpoint, node: str, hostile: str = "", value: bytes = b"") -> bytes:
    """The path with one parameter hostile, and the others such that it is reached."""
    usual = {"node": node, "userid": VICTIM, "vmid": "4711", "storage": STORAGE}
    return re.sub(
        rb"\{([^}]+)\}",
        lambda m: value if m[1].decode() == hostile else usual.get(m[1].decode(), "none").encode(),
        endpoint.path.encode(),
    )


@pytest.mark.parametrize("name", sorted({name for endpoint in ENDPOINTS for name in in_path(endpoint)}))
def test_no_id_in_a_path_leads_astray(api: Api, wire: Wire, name: str) -> None:
    def call(endpoint: Endpoint, value: bytes) -> tuple[object, Callable[[], Answer]]:
        target = b"/api2/json" + filled(endpoint, api.node, name, value)
        return (endpoint.method, target[:200]), lambda: wire.request(endpoint.method, target)

    # lists of what is below, the same for every id: the id is not used
    indexes = {wire.request("GET", b"/api2/json" + filled(e, api.node)).body for e in ENDPOINTS if e.method == "GET"}

    def harmless(answer: Answer) -> bool:
        return is_the_page(answer) or (answer.status == 200 and answer.body in indexes)

    # a token's name has no longest length
    tried = [value for value in IDS if name != "tokenid" or len(value) < 1000]
    calls = [call(e, value) for e in ENDPOINTS if name in in_path(e) for value in tried]
    refused(all_of(calls), also=harmless)


@pytest.mark.parametrize(
    "volume", ["../../../etc/hostile-canary", "iso/../../../../../etc/hostile-canary", "/etc/hostile-canary"]
)
@pytest.mark.parametrize("prefix", ["", "hostile:", "hostile:iso/", "local:vztmpl/", "none:"])
def test_volumes_stay_in_their_storage(api: Api, wire: Wire, inside: Inside, prefix: str, volume: str) -> None:
    place = f"/api2/json/nodes/{api.node}/storage/{STORAGE}/content/"
    told = [
        ((m, v), wire.request(m, place + v))
        for m in ("GET", "DELETE")
        for v in (quote(prefix + volume, safe=""), prefix + volume)
    ]
    refused(told, also=is_the_page)
    assert inside.run("cat", CANARY) == SAID


# --- values of parameters


def given(endpoint: Endpoint) -> list[Row]:
    return [row for row in rows(endpoint.params) if row.wire not in in_path(endpoint)]


def quiet(answer: Answer) -> bool:
    """Not every odd value is a wrong one: a comment may be an emoji. Then the call is an ordinary success."""
    return answer.status == 200


def usual(endpoint: Endpoint, node: str) -> str:
    return filled(endpoint, node).decode()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_odd_values_in_queries(api: Api, wire: Wire, method: str) -> None:
    def call(endpoint: Endpoint, row: Row, value: bytes) -> tuple[object, Callable[[], Answer]]:
        name = row.wire + ("0" if row.indices else "")
        target = f"/api2/json{usual(endpoint, api.node)}?{name}=".encode() + value[:6000]
        return (endpoint.method, target[:200]), lambda: wire.request(endpoint.method, target)

    chosen = [(e, row) for e in ENDPOINTS if e.method == method for row in given(e)[:8]]
    refused(all_of([call(e, row, value) for e, row in chosen for value in FORM_VALUES]), also=quiet)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_odd_values_in_forms(api: Api, wire: Wire, method: str) -> None:
    def call(endpoint: Endpoint, value: bytes) -> tuple[object, Callable[[], Answer]]:
        body = b"&".join(row.wire.encode() + (b"0=" if row.indices else b"=") + value for row in given(endpoint)[:4])
        return (endpoint.method, endpoint.path, value[:20]), lambda: wire.form(
            endpoint.method, usual(endpoint, api.node), body
        )

    chosen = [e for e in ENDPOINTS if e.method == method and given(e)]
    refused(all_of([call(e, value) for e in chosen for value in FORM_VALUES]), also=quiet)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_odd_values_in_json(api: Api, wire: Wire, method: str) -> None:
    def call(endpoint: Endpoint, names: list[str], value: object) -> tuple[object, Callable[[], Answer]]:
        body = dict.fromkeys(names, value)
        return (endpoint.method, endpoint.path, names, str(value)[:40]), lambda: wire.json(
            endpoint.method, usual(endpoint, api.node), body
        )

    calls = []
    for endpoint in (e for e in ENDPOINTS if e.method == method and given(e)):
        names = [row.wire + ("0" if row.indices else "") for row in given(endpoint)]
        for value in JSON_VALUES:
            calls += [call(endpoint, [name], value) for name in names[:6]] + [call(endpoint, names[:7], value)]
    refused(all_of(calls), also=quiet)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000, b'{"a":' * 50_000, b'{"comment":' + b"[" * 900 + b"]" * 900 + b"}", b"null", b"[]", b'"text"',
        b"1" * 300_000, b'{"comment": NaN}', b'{"comment": "\\ud800"}', b'{"comment": "\xff"}', b"\xef\xbb\xbf{}",
        b'{"comment": 1e400}', b'{"comment": ' + b"9" * 10_000 + b"}", b"{", b'{"a":1,}', b"\0", b'{"\\u0000": "x"}',
        b'{"": "x"}', b'{"groupid": "x", "groupid": ["y"]}',
    ],
)  # fmt: skip
def test_odd_json(wire: Wire, body: bytes) -> None:
    refused([(body[:40], wire.json("POST", "/access/groups", body))])


@pytest.mark.parametrize(
    "kind",
    [
        "text/xml",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "application/json; charset=utf-16",
        "x",
        "\xff",
        "application/x-www-form-urlencoded; charset=utf-7",
        "a" * 5000,
        "application/json\x0b",
    ],
)
def test_odd_content_types(wire: Wire, kind: str) -> None:
    refused([(kind, wire.request("POST", "/api2/json/access/groups", headers={"Content-Type": kind}, body=b"\xff{"))])


@pytest.mark.parametrize("format", ["json", "extjs", "htmljs", "html"])
def test_no_value_reaches_header_or_markup(wire: Wire, format: str) -> None:
    evil = "%3Cscript%3Ealert(1)%3C/script%3E%0d%0aX-Injected:%20yes%0d%0a%0d%0a"
    for target in (
        f"/api2/{format}/pools?poolid={evil}",
        f"/api2/{format}/{evil}",
        f"/api2/{format}/access/users/{evil}",
    ):
        answer = wire.request("GET", target)
        assert "x-injected" not in {key.lower() for key, _ in answer.headers}, target
        assert not re.search(r"[\x00-\x1f\x7f]", answer.reason)
        if "html" in answer.header("Content-Type"):
            assert b"<script>alert" not in answer.body


def test_duplicates_and_contradictions(wire: Wire) -> None:
    told = [
        (t, wire.request("GET", f"/api2/json{t}"))
        for t in (
            f"/access/users/{VICTIM}?userid=root@pam",
            "/pools?poolid=a&poolid=b",
            "/cluster/nextid?vmid=100&vmid=101",
            "/cluster/resources?type=vm;type=node",
            "/version?" + "a=1&" * 500,
            "/version?" + "a&" * 2000,
            f"/access/users/{VICTIM}?userid={VICTIM}&userid=root@pam",
        )
    ]
    refused(told)


# --- HTTP itself


@pytest.mark.parametrize(
    "method",
    [
        "HEAD",
        "OPTIONS",
        "PATCH",
        "TRACE",
        "CONNECT",
        "get",
        "GE\0T",
        "G ET",
        "PROPFIND",
        "QUERY",
        "A" * 300,
        "\xff",
        "",
    ],
)
def test_methods_that_are_none(wire: Wire, method: str) -> None:
    refused([(method, wire.request(method, f"/api2/json{path}")) for path in ("/version", "/access/ticket")])


REQUEST = b"%s /api2/json/access/groups HTTP/1.1\r\nHost: x\r\n"
INNER = b"GET /api2/json/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLING: tuple[tuple[str, bytes], ...] = (
    ("two lengths", b"Content-Length: 5\r\nContent-Length: 0\r\n"),
    ("two equal lengths", b"Content-Length: 5\r\nContent-Length: 5\r\n"),
    ("a list of lengths", b"Content-Length: 5, 5\r\n"),
    ("length and chunks", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    ("chunks and length", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    ("chunks twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
    ("odd coding", b"Transfer-Encoding: xchunked\r\n"),
    ("coding with a tab", b"Transfer-Encoding:\tchunked\r\n"),
    ("coding with control", b"Transfer-Encoding: \x0bchunked\r\n"),
    ("coding in a folded line", b"Transfer-Encoding:\r\n chunked\r\n"),
    ("blank before the colon", b"Transfer-Encoding : chunked\r\n"),
    ("negative length", b"Content-Length: -1\r\n"),
    ("signed length", b"Content-Length: +5\r\n"),
    ("hexadecimal length", b"Content-Length: 0x5\r\n"),
    ("endless length", b"Content-Length: 99999999999999999999999\r\n"),
    ("no number", b"Content-Length: x\r\n"),
    ("header with NUL", b"X-A: a\0b\r\n"),
    ("header without name", b": x\r\n"),
    ("header without colon", b"nonsense\r\n"),
    ("lone CR", b"X-A: a\rTransfer-Encoding: chunked\r\n"),
    ("two hosts", b"Host: y\r\n"),
)


@pytest.mark.parametrize(("what", "lines"), SMUGGLING, ids=[what for what, _ in SMUGGLING])
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_no_request_hides_in_another(wire: Wire, what: str, lines: bytes, method: bytes) -> None:
    for body in (b"0\r\n\r\n" + INNER, b"AAAAA" + INNER, INNER):
        heard = wire.talk(REQUEST % method + lines + b"\r\n" + body, timeout_s=6)
        assert b"smuggled" not in heard, what
        if heard:
            refused([(what, parse(heard))])


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0" * 2000,
        b"\xff" * 2000,
        b"A" * 70_000,
        b"GET http://[::1/ HTTP/1.1\r\nHost: [\r\n\r\n",
        b"GET /api2/json/version HTTP/1.1\r\n\r\n",
        INNER.replace(b"x", b"\xff"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /api2/json/version HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api2/json/version\x0b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api2/json/\x7f\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_request(wire: Wire, raw: bytes) -> None:
    heard = wire.talk(raw, timeout_s=6)
    assert b"200 OK" not in heard or b"<html" in heard.lower()
    assert not heard or not heard.startswith(b"HTTP/1.1 5") or heard.startswith((b"HTTP/1.1 501", b"HTTP/1.1 505"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({f"X-{n}": "v" for n in range(100)}, 400),
        ({"X-Long": "v" * 9000}, 400),
        ({"X-A": "\xff\xfe\x80"}, 200),
        ({"If-None-Match": "\xff\"'"}, 200),
        ({"Accept-Encoding": "gzip;q=x, *;q=9999", "Range": "bytes=0-0,0-0,0-0", "Expect": "nonsense"}, 200),
        (
            {
                "X-Forwarded-For": "127.0.0.1",
                "X-Real-IP": "127.0.0.1",
                "PVEClientIP": "127.0.0.1",
                "PVEDisableProxy": "true",
            },
            200,
        ),
        ({"X-Holdfast-Refusal": "made up", "X-Holdfast-Elapsed": "nan", "Hostd-Chunked": ""}, 200),
        ({"X-HTTP-Method-Override": "DELETE", "X-Original-URL": "/api2/json/access/users"}, 200),
    ],
)
def test_odd_headers(wire: Wire, headers: dict[str, str], status: int) -> None:
    answer = wire.request("GET", "/api2/json/version", headers=headers)
    assert answer.status == status, answer
    assert status == 200 or not answer.fault()


def test_limits_of_bodies(wire: Wire) -> None:
    for size in (600 * 1024, 3 << 20):
        assert wire.form("POST", "/access/groups", "comment=" + "x" * size).status == 501
    assert wire.request("GET", "/api2/json/version", body=b"x").status == 501
    body = b"5\r\ncomme\r\n0\r\n\r\n"
    headers = {"Transfer-Encoding": "chunked", "Content-Type": "application/x-www-form-urlencoded"}
    for place in ("/access/groups", "/access/ticket"):
        raw = b"POST /api2/json%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" % place.encode()
        raw += b"".join(f"{k}: {v}\r\n".encode() for k, v in {**headers, **wire.credentials}.items()) + b"\r\n" + body
        assert wire.send(raw).status in (400, 401, 501)


def test_clients_that_leave_in_the_middle(api: Api, wire: Wire) -> None:
    begun = (
        b"POST /api2/json/access/groups HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
        b"GET /api2/js",
        b"POST /api2/json/access/ticket HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nusername=a",
        f"POST /api2/json/nodes/{api.node}/storage/local/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n".encode()
        + f"Cookie: {wire.credentials['Cookie']}\r\n".encode()
        + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        + b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\niso\r\n'
        + b'--b\r\nContent-Disposition: form-data; name="filename"; filename="left.iso"\r\n\r\nhalf of',
    )
    for raw in begun * 5:
        sock = wire.connect()
        sock.sendall(raw)
        sock.close()
    time.sleep(1)
    assert api.get("/version")


# --- uploads, consoles, events: hostd-stream


def form(parts: list[tuple[bytes, bytes]], boundary: bytes = b"b") -> bytes:
    """A multipart form; each part is the rest of its Content-Disposition, and its body."""
    body = b"".join(
        b"--" + boundary + b"\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + data + b"\r\n"
        for head, data in parts
    )
    return body + b"--" + boundary + b"--\r\n"


ISO, FILE = (b'name="content"', b"iso"), b'name="filename"; filename='
UPLOADS: tuple[bytes, ...] = (
    b"",
    b"nonsense",
    b"--b",
    b"--b--\r\n",
    b"--b\r\n\r\n\r\n--b--\r\n",
    form([]),
    form([ISO]),
    *(
        form([ISO, (FILE + name, b"data")])
        for name in (
            b'"../../../../etc/hostile.iso"',
            b'"..%2f..%2fhostile.iso"',
            b'"/etc/hostile.iso"',
            b'"a\0b.iso"',
            b'"\xff\xfe.iso"',
            b'"a\\"b.iso"',
            b'".iso"',
            b'"..iso/../../x.iso"',
            b'"' + b"n" * 300 + b'.iso"',
            b'"x.txt"',
            b'"-rf.iso\n"',
            b'""',
        )
    ),
    form([(b'name="content"', b"../../etc"), (FILE + b'"x.iso"', b"data")]),
    form([(b'name="content"', b"\xff\xfe"), (FILE + b'"x.iso"', b"data")]),
    form([(b'name="content"', b"i" * 100_000), (FILE + b'"x.iso"', b"data")]),
    form([(b'name="tmpfilename"', b"/etc/hostile-canary"), ISO, (FILE + b'"x.iso"', b"data")]),
    form([ISO, (b'name="checksum"', b"zz"), (b'name="checksum-algorithm"', b"sha256"), (FILE + b'"x.iso"', b"data")]),
    form([ISO, (b'name="checksum-algorithm"', b"$(id)"), (FILE + b'"x.iso"', b"data")]),
    form([ISO, (b'name="\xff"', b"x"), (FILE + b'"x.iso"', b"data")]),
    form([ISO, (b"filename", b"x")]),
    form([ISO] * 2000),
    b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
    b"--b\r\n" + b"X: y\r\n" * 3000 + b"\r\nx\r\n--b--\r\n",
    b"--b\r\nContent-Disposition: \0\xff\r\n\r\nx\r\n--b--\r\n",
    b"--b\r\nContent-Encoding: gzip\r\nContent-Disposition: " + FILE + b'"x.iso"\r\n\r\nno gzip\r\n--b--\r\n',
    b"--b\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: " + FILE + b'"x.iso"\r\n\r\n!!\r\n--b--\r\n',
    b"--b\r\nContent-Length: 999999\r\nContent-Disposition: " + FILE + b'"x.iso"\r\n\r\nshort\r\n--b--\r\n',
)


@pytest.mark.parametrize("number", range(len(UPLOADS)))
def test_odd_uploads(api: Api, wire: Wire, inside: Inside, number: int) -> None:
    told = [
        (
            kind,
            wire.request(
                "POST",
                f"/api2/json/nodes/{api.node}/storage/local/upload",
                headers={"Content-Type": kind},
                body=UPLOADS[number],
            ),
        )
        for kind in (
            "multipart/form-data; boundary=b",
            "multipart/form-data",
            "text/plain",
            'multipart/form-data; boundary="\xff"',
        )
    ]
    accepted = [answer for _, answer in told if answer.status == 200]
    refused(told, also=quiet)
    for answer in accepted:  # then it is a task: it may fail, or make a file with a harmless name where it belongs
        api.wait(json.loads(answer.body)["data"], ok=False)
    inside.shell("rm -f /var/lib/vz/template/iso/*.iso")
    assert not inside.shell("find / -xdev -name 'hostile*.iso' -o -xdev -name 'x.iso' 2>/dev/null").split()


def test_uploads_name_storages_only(api: Api, wire: Wire) -> None:
    body = form([ISO, (FILE + b'"x.iso"', b"data")])
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    told = [
        (
            id,
            wire.request(
                "POST", f"/api2/json/nodes/{api.node}/storage/".encode() + id + b"/upload", headers=kind, body=body
            ),
        )
        for id in IDS
    ]
    told += [
        (id, wire.request("POST", b"/api2/json/nodes/" + id + b"/storage/local/upload", headers=kind, body=body))
        for id in IDS
    ]
    refused(told, also=is_the_page)


def test_nobody_names_the_file_that_was_uploaded(api: Api, wire: Wire) -> None:
    for file in (
        CANARY,
        "/var/tmp/pveupload-../../etc/hostile-canary",
        "/var/lib/hostd/uploads/../../../../etc/shadow",
    ):
        body = f"content=iso&filename=x.iso&tmpfilename={file}"
        for place in (f"/nodes/{api.node}//storage/local/upload", f"/nodes/{api.node}/storage/local/upload/"):
            refused([((file, place), wire.form("POST", place, body))])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "port=5900",
        "port=1&vncticket=x",
        "port=5900&vncticket=PVEVNC:00000000::AAAA",
        "port=5900&vncticket=%ff%00",
        "port=../../x&vncticket=x",
        "port=59%300&port=5901&vncticket=x",
        "port=" + "9" * 3000,
    ],
)
@pytest.mark.parametrize("place", ["qemu/100/", ""])
def test_consoles_need_their_ticket(api: Api, wire: Wire, place: str, query: str) -> None:
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    for more in (
        upgrade,
        {},
        {**upgrade, "Sec-WebSocket-Key": "\xff"},
        {**upgrade, "Sec-WebSocket-Protocol": "\xff\x01,,"},
    ):
        told = wire.request("GET", f"/api2/json/nodes/{api.node}/{place}vncwebsocket?{query}", headers=more)
        refused([(query, told)])
        assert told.status in (400, 401)


def test_events_need_credentials(wire: Wire) -> None:
    assert wire.request("GET", "/api2/json/events", who=False).status == 401
    assert wire.request("POST", "/api2/json/events", body=b"x").status in (400, 401, 501)
