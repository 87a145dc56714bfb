"""The wire's conventions: parameters, envelopes, statuses, reason phrases."""

from __future__ import annotations

import pytest

from hostd.api import wire
from hostd.api.router import Router
from hostd.core.errors import Invalid
from tests.unit.api.conftest import Site


def test_pairs() -> None:
    assert wire.parse_pairs("a=1;b=x+y&c=%C3%BC&d=1&d=2&e") == {
        "a": "1",
        "b": "x y",
        "c": "ü",
        "d": ["1", "2"],
        "e": "",
    }


def test_the_query_wins_and_the_path_is_not_contradicted() -> None:
    assert wire.merge({"node": "a"}, {"x": "1", "_dc": "9"}, {"x": "2", "node": "a"}) == {"node": "a", "x": "1"}
    with pytest.raises(Invalid) as caught:
        wire.merge({"node": "a"}, {"node": "b"}, {})
    assert list(caught.value.errors) == ["node"]


def test_booleans_go_out_as_numbers() -> None:
    assert wire.success("json", {"a": True, "b": [False, None, 1.5]}) == b'{"data":{"a":1,"b":[0,null,1.5]}}'
    assert wire.success("extjs", wire.Paged(data=[1], total=7)) == b'{"success":1,"data":[1],"total":7}'


def test_what_orjson_refuses_goes_out_too() -> None:
    assert wire.success("json", {"expire": 10**30}) == b'{"data":{"expire":%d}}' % 10**30
    assert b"\\udcff" in wire.failure("json", 500, "wrong field name '\udcff'", {})


def test_version_needs_a_login(site: Site) -> None:
    answer = site.get("/version", user="")
    assert (answer.status_code, answer.status) == (401, "401 No ticket")
    answer = site.get("/version")
    assert answer.status_code == 200
    assert answer.content_type == "application/json;charset=UTF-8"
    assert answer.json["data"]["release"] == "9.2"


def test_what_is_not_built_says_so(site: Site) -> None:
    answer = site.get("/nodes/alpha/frobnicate")
    assert answer.status == "501 Method 'GET /nodes/alpha/frobnicate' not implemented"
    assert site.call("PATCH", "/version").status == "501 method 'PATCH' not available"
    assert site.client.get("/api2/xml/version").status.startswith("501 no formatter for uri")


def test_all_errors_of_a_call_are_told_at_once(site: Site) -> None:
    answer = site.get("/nodes/alpha/tasks?limit=x&start=-1&nonsense=1&errors=yes")
    assert answer.status == "400 Parameter verification failed."
    assert answer.json == {
        "data": None,
        "message": "Parameter verification failed.\n",
        "errors": {
            "limit": "type check ('integer') failed - got 'x'",
            "start": "value must have a minimum value of 0",
            "errors": "type check ('boolean') failed - got 'yes'",
            "nonsense": "property is not defined in schema and the schema does not allow additional properties",
        },
    }


def test_changes_need_the_csrf_token(site: Site) -> None:
    upid = "UPID:alpha:00000001:00000001:00000001:t::root@pam:"
    answer = site.call("DELETE", f"/nodes/alpha/tasks/{upid}", headers={"CSRFPreventionToken": "x"})
    assert answer.status == "401 Permission denied - invalid csrf token"


def test_without_the_privilege_it_is_refused(site: Site) -> None:
    answer = site.get("/nodes/alpha/status", user="guest@pam")
    assert answer.status == "403 Permission check failed (/nodes/alpha, Sys.Audit)"


def test_the_root_lists_what_is_below(site: Site) -> None:
    for path in ("", "/", "//"):
        assert {"subdir": "nodes"} in site.get(path).json["data"]


def test_login(site: Site) -> None:
    answer = site.call("POST", "/access/ticket", user="", data={"username": "root@pam", "password": "secret"})
    data = answer.json["data"]
    assert data["username"] == "root@pam"
    assert data["cap"]["vms"]["VM.Allocate"] == 1
    again = site.call("POST", "/access/ticket", user="", data={"username": "root", "password": data["ticket"]})
    assert again.status_code == 200
    for bad in ({"username": "root@pam", "password": "wrong"}, {"username": "x@pam", "password": "secret"}):
        answer = site.call("POST", "/access/ticket", user="", data=bad)
        assert answer.status == "401 authentication failure"
    assert site.came_in == ["root@pam", "root@pam"]  # for the cluster's log


def test_an_unknown_node_is_an_error(site: Site) -> None:
    assert site.get("/nodes/beta/tasks").status == "500 no such cluster node 'beta'"
    assert site.get("/nodes/localhost/tasks").status_code == 200


def test_a_bad_task_id_is_a_parameter_error(site: Site) -> None:
    answer = site.get("/nodes/alpha/tasks/nonsense/status")
    assert answer.json["errors"] == {"upid": "unable to parse worker upid"}
    upid = "UPID:alpha:0F000001:00000001:00000001:t::root@pam:"
    assert site.get(f"/nodes/alpha/tasks/{upid}/log").json["errors"] == {"upid": "no such task"}


def test_every_declared_method_refuses_a_stranger(site: Site) -> None:
    """No method answers without a log-in but those declared for the world."""
    checked = 0
    for endpoint in site.api.endpoints:
        expression = endpoint.allow.expression()
        if expression == {"user": "world"}:
            continue
        path = endpoint.path.replace("{node}", "alpha").replace("{vmid}", "100").replace("{storage}", "local")
        answer = site.call(endpoint.method, path.replace("{volume}", "x").replace("{upid}", "x"), user="")
        assert answer.status_code == 401, f"{endpoint.method} {endpoint.path}"
        if "check" in expression or "root_only" in expression:
            path = path.replace("{volume}", "x").replace("{upid}", "x")
            answer = site.call(endpoint.method, path, user="stranger@pve")
            assert answer.status_code == 403, f"{endpoint.method} {endpoint.path}: {answer.status}"
        checked += 1
    assert checked > 20


def test_the_router_prefers_fixed_segments(site: Site) -> None:
    router = Router(site.api.endpoints)
    found = router.match("GET", "//nodes/alpha/status/")
    assert found is not None
    assert (found[0].path, found[1]) == ("/nodes/{node}/status", {"node": "alpha"})
    assert router.match("PUT", "/nodes/alpha/status") is None


def test_extjs_puts_the_status_into_the_body(site: Site) -> None:
    cookie = {"Cookie": f"PVEAuthCookie={site.ticket('root@pam')}"}
    answer = site.client.get("/api2/extjs/nodes/alpha/tasks?limit=x", headers=cookie)
    assert answer.status_code == 200
    assert (answer.json["success"], answer.json["status"]) == (0, 400)
