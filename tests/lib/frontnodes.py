"""Light nodes with the whole way of a request: nginx as shipped, front, root process, statistics, all of it real."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hostd.access import keys, tickets
from tests.lib.lightnodes import ROOT, Lab
from tests.lib.storenodes import StoreNode, stores, together, wait_for

NGINX = ROOT / "debian" / "etc" / "nginx.conf"
DEBIAN = ROOT / "debian"
# The checkout may lie where only root can read; the node's own copy is for everybody.
CODE = "/var/lib/hostd-code"
PYTHON = ("env", f"--chdir={CODE}", f"PYTHONPATH={CODE}")
AS_HOSTD = ("setpriv", "--reuid=hostd", "--regid=hostd", "--init-groups", "--no-new-privs", "--inh-caps=-all")
DAEMONS: Mapping[str, tuple[str, ...]] = {"root": (), "statd": (), "api": AS_HOSTD, "stream": AS_HOSTD}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What curl saw. ``seconds``: from start to end."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: str
    seconds: float


class Front:
    """The daemons on a node that keeps the store; asked by curl from the node itself."""

    def __init__(self, store: StoreNode) -> None:
        self.store, self.node = store, store.node
        run = self.node.run
        run("systemd-sysusers", DEBIAN / "hostd.sysusers")
        run("systemd-tmpfiles", "--create", DEBIAN / "hostd.tmpfiles", check=False)  # the mount is not in its way
        run("mkdir", "-p", "/var/log/hostd", "/var/cache/hostd", CODE)
        run("cp", "-r", ROOT / "hostd", CODE)
        self.node.start("setup", [sys.executable, "-m", "hostd.daemons.setup"]).wait(60)
        for name, prefix in DAEMONS.items():
            self.node.start(name, [*PYTHON, *prefix, sys.executable, "-m", f"hostd.daemons.{name}"])
        self.node.start("nginx", ["nginx", "-c", NGINX]).wait(20)
        wait_for(f"{self.node.name} answers", lambda: self.get("/version").status == 200)

    def credentials(self, user: str) -> list[str]:
        with self.store.client() as store:
            signing, csrf = store.read(keys.SIGNING).data, store.read(keys.CSRF).data
        now_s = int(time.time())
        return [
            "-H", f"Cookie: PVEAuthCookie={tickets.sign(signing, user, now_s=now_s)}",
            "-H", f"CSRFPreventionToken: {tickets.csrf_token(csrf, user, now_s=now_s)}",
        ]  # fmt: skip

    def get(self, path: str, *more: str, user: str = "root@pam", method: str = "GET") -> Reply:
        """``more``: arguments for curl."""
        url = f"https://127.0.0.1:8006/api2/json{path}"
        argv = ["curl", "-sk", "-i", "-X", method, "-m", "60", *self.credentials(user), *more, url]
        began_s = time.monotonic()
        said = self.node.run(*argv)
        seconds = time.monotonic() - began_s
        head, _, body = said.partition("\n\n")
        first, *lines = head.splitlines()
        _, status, reason = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Reply(status=int(status), reason=reason.strip(), headers=headers, body=body, seconds=seconds)

    def signal_nginx(self, name: str) -> None:
        """To master and workers."""
        pid = "$(cat /run/hostd/nginx.pid)"
        self.node.run("sh", "-c", f"kill -{name} {pid} $(cat /proc/{pid}/task/{pid}/children)")


@contextlib.contextmanager
def fronts(count: int) -> Iterator[tuple[Lab, dict[int, Front]]]:
    """A cluster of nodes that all answer the API."""
    with stores(count) as (lab, nodes):
        together(nodes.values())
        yield lab, {number: Front(node) for number, node in nodes.items()}
