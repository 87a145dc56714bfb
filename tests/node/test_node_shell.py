"""The shell of a node by its API: through nginx, hostd-stream, the task, login(1)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lib.apiclient import Api, ApiError
from tests.lib.inside import Inside
from tests.lib.waiting import eventually

USER, PASSWORD, ROLE = "shell-test@pve", "a-shell-tests-password", "ShellTest"


@pytest.fixture
def user(api: Api) -> Iterator[Api]:
    """Somebody who may open the node's console, and nothing else."""
    api.post("/access/roles", roleid=ROLE, privs="Sys.Console")
    api.post("/access/users", userid=USER, password=PASSWORD)
    api.put("/access/acl", path=f"/nodes/{api.node}", roles=ROLE, users=USER)
    try:
        yield Api(api.url, USER, PASSWORD)
    finally:
        api.delete(f"/access/users/{USER}")
        api.delete(f"/access/roles/{ROLE}")


def test_root_has_a_log_in_shell_that_ends_with_the_connection(api: Api, inside: Inside) -> None:
    heard = api.shell("uid=0(root)", send="id; shopt login_shell; echo home=$HOME\n")
    assert heard.startswith("OK")
    heard = api.shell("home=/root", send="shopt login_shell; echo home=$HOME\n")
    assert "login_shell    \ton" in heard
    eventually(lambda: not inside.shell("pgrep -f '^login -f root' || true").strip())
    task = next(row for row in api.get(f"/nodes/{api.node}/tasks", typefilter="vncshell"))
    assert (task["user"], api.wait(task["upid"])) == ("root@pam", "OK")


def test_the_shell_ends_the_connection_when_it_ends(api: Api) -> None:
    heard = api.shell("bye", send="echo b''ye; exit\n")
    assert "bye" in heard


def test_others_have_to_log_in(user: Api) -> None:
    user.shell("login:")
    with pytest.raises(ApiError) as caught:
        user.post(f"/nodes/{user.node}/termproxy", cmd="upgrade")
    assert (caught.value.status, list(caught.value.errors)) == (400, ["cmd"])


def test_a_ticket_is_for_its_user_and_node(api: Api, user: Api) -> None:
    opened = user.post(f"/nodes/{user.node}/termproxy")
    for who, port, ticket in (
        (api, opened["port"], opened["ticket"]),
        (user, opened["port"], "PVEVNC:00000000::AAAA"),
    ):
        with pytest.raises(ApiError) as caught:
            who.get(f"/nodes/{api.node}/vncwebsocket", port=port, vncticket=ticket)
        assert caught.value.status == 401


def test_who_may_not_has_no_shell(api: Api, user: Api) -> None:
    api.put("/access/acl", path=f"/nodes/{api.node}", roles=ROLE, users=USER, delete=1)
    eventually(lambda: not user.get("/access/permissions").get(f"/nodes/{api.node}"))
    with pytest.raises(ApiError) as caught:
        user.post(f"/nodes/{api.node}/termproxy")
    assert caught.value.status == 403
