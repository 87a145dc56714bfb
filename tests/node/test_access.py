"""Log-in, users and tokens on a real node, through nginx and all processes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.lib.apiclient import Api, ApiError

USER, PASSWORD = "node-test@pve", "a-node-tests-password"


def ask(api: Api, method: str, path: str, **kw: object) -> tuple[requests.Response, float]:
    started_s = time.monotonic()
    answer = requests.request(method, f"{api.url}/api2/json{path}", verify=False, timeout=60, **kw)  # type: ignore[arg-type]
    return answer, time.monotonic() - started_s


@pytest.fixture
def user(api: Api) -> Iterator[str]:
    api.post("/access/users", userid=USER, password=PASSWORD)
    yield USER
    api.delete(f"/access/users/{USER}")


def test_a_refused_log_in_takes_three_seconds_and_says_why(api: Api) -> None:
    answer, took_s = ask(api, "POST", "/access/ticket", data={"username": "root@pam", "password": "wrong"})
    assert (answer.status_code, answer.reason) == (401, "authentication failure")
    assert took_s >= 2.9


def test_a_token_lives_and_dies_in_all_processes(api: Api, user: str) -> None:
    made = api.post(f"/access/users/{user}/token/ci", privsep=0)

    def status(secret: str) -> int:
        headers = {"Authorization": f"PVEAPIToken={user}!ci={secret}"}
        return ask(api, "GET", "/version", headers=headers)[0].status_code

    assert [status(made["value"]) for _ in range(3)] == [200] * 3
    again = api.put(f"/access/users/{user}/token/ci", regenerate=1)
    assert (status(made["value"]), status(again["value"])) == (401, 200)
    api.put(f"/access/users/{user}", enable=0)
    assert status(again["value"]) == 401


def test_a_user_may_what_he_was_given(api: Api, user: str) -> None:
    mine = Api(api.url, user, PASSWORD)
    with pytest.raises(ApiError, match="Permission check failed"):
        mine.get("/pools/none")
    api.post("/pools", poolid="node-test")
    try:
        assert mine.get("/pools") == []
        api.put("/access/acl?path=/pool/node-test", roles="PVEPoolUser", users=user)
        assert [row["poolid"] for row in mine.get("/pools")] == ["node-test"]
    finally:
        api.delete("/pools/node-test")


def test_wrong_log_ins_do_not_starve_others(api: Api) -> None:
    def wrong(number: int) -> int:
        return ask(api, "POST", "/access/ticket", data={"username": f"u{number}@pve", "password": "x"})[0].status_code

    def latency() -> float:
        started_s = time.monotonic()
        api.get("/version")
        return time.monotonic() - started_s

    idle = statistics.median(latency() for _ in range(30))
    with ThreadPoolExecutor(50) as many:
        attack = [many.submit(wrong, n) for n in range(50)]
        time.sleep(0.3)
        busy = statistics.median(latency() for _ in range(30))
        assert {one.result() for one in attack} == {401}
    assert busy < 20 * idle, (idle, busy)  # the client itself takes part of the machine; benchmarks measure exactly
