"""An application of its own for each test: real routing, validation and tickets; the host's edges replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from werkzeug.test import Client

from hostd.access import keys, tickets
from hostd.access.authority import Authority
from hostd.access.login import Login
from hostd.api.app import Api, create_app
from hostd.api.context import Services
from hostd.api.endpoint import collect
from hostd.api.identity import Identity, RootVerdict
from hostd.api.peers import Peers
from hostd.cluster.store import MemoryStore
from hostd.core.errors import NotAuthenticated
from hostd.core.run import Result
from hostd.daemons.api_wiring import ENDPOINT_MODULES
from hostd.node.host import Host

NOW = 1_700_000_000
PEOPLE = "".join(f"user:{name}:1:\n" for name in ("stranger@pve", "someone@pve", "joe@pve", "guest@pam")).encode()


@dataclass
class RecordedTasks:
    """Remembers what was started."""

    spawned: list[dict[str, Any]] = field(default_factory=list)

    def spawn(self, type: str, *, id: str, user: str, args: Mapping[str, object]) -> str:
        self.spawned.append({"type": type, "id": id, "user": user, "args": dict(args)})
        return f"UPID:alpha:00000001:00000001:00000001:{type}:{id}:{user}:"

    def stop(self, upid: str) -> None:
        self.spawned.append({"stop": upid})


@dataclass
class FixedSamples:
    """Live values that a test sets."""

    node_values: dict[str, Any] = field(default_factory=dict)
    guest_values: dict[int, dict[str, Any]] = field(default_factory=dict)
    storage_values: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: dict[str, FixedSamples] = field(default_factory=dict)

    def _of(self, node: str) -> FixedSamples:
        return self if node in ("", "alpha") else self.others.get(node, FixedSamples())

    def known(self, node: str = "") -> bool:
        return node in ("", "alpha") or node in self.others

    def node(self, node: str = "") -> dict[str, Any]:
        return self._of(node).node_values

    def guests(self, node: str = "") -> dict[int, dict[str, Any]]:
        return self._of(node).guest_values

    def storages(self, node: str = "") -> dict[str, dict[str, Any]]:
        return self._of(node).storage_values


def no_programs(argv: Any, **_: Any) -> Result:
    raise AssertionError(f"a handler started {argv}")


def password_is_secret(name: str, password: str) -> None:
    if (name, password) != ("root", "secret"):
        raise NotAuthenticated("authentication failure")


class Site:
    """The application with a client that is logged in as root@pam."""

    def __init__(
        self,
        files: Mapping[str, bytes],
        *,
        node: str = "alpha",
        key: bytes = b"",
        clock: Callable[[], float] = lambda: NOW,
    ) -> None:
        key = key or tickets.make_key()
        store = MemoryStore(node)
        keys_made = {keys.SIGNING: key, keys.VERIFYING: tickets.public_part(key), keys.CSRF: b"csrf"}
        for path, data in {**keys_made, "user.cfg": PEOPLE, **files}.items():
            store.write(path, data)
        self.store, self.mirror = store, store.mirror()
        self.tasks, self.samples = RecordedTasks(), FixedSamples()
        self.came_in: list[str] = []
        host = Host(node=node, store=self.store, mirror=self.mirror, run=no_programs)
        authority = Authority(self.mirror)
        services = Services(
            host=host,
            tasks=self.tasks,
            samples=self.samples,
            authority=authority,
            credentials=Login(
                self.store,
                self.mirror,
                authority,
                password_is_secret,
                clock=clock,
                came_in=self.came_in.append,
            ),
        )
        identify = Identity(self.mirror, authority, RootVerdict(store, self.mirror), clock=clock)
        self.api = Api(collect(ENDPOINT_MODULES), services, identify, None, Peers(self.mirror))
        self.client: Client = Client(create_app(self.api), use_cookies=False)
        self.key = key

    def ticket(self, user: str) -> str:
        return tickets.sign(self.key, user, now_s=NOW)

    def call(self, method: str, path: str, user: str = "root@pam", **kw: Any) -> Any:
        headers = {"CSRFPreventionToken": tickets.csrf_token(b"csrf", user, now_s=NOW), **kw.pop("headers", {})}
        if user:
            headers["Cookie"] = f"PVEAuthCookie={tickets.sign(self.key, user, now_s=NOW)}"
        return self.client.open(f"/api2/json{path}", method=method, headers=headers, **kw)

    def get(self, path: str, **kw: Any) -> Any:
        return self.call("GET", path, **kw)


@pytest.fixture
def site() -> Site:
    return Site({})
