"""Three hosts in system containers, as tests/bin/on-cluster starts them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lib.apiclient import Api
from tests.lib.waiting import eventually


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended; ``text`` is stdout and stderr."""

    code: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A host: ``name`` as it calls itself, ``port`` of its web page on this machine."""

    name: str
    port: int
    folder: Path

    @property
    def container(self) -> str:
        return f"holdfast-{self.port}"

    @property
    def password(self) -> str:
        return (self.folder / "password").read_text().strip()

    @property
    def address(self) -> str:
        return self.run("hostname", "-I").split()[0]

    def api(self) -> Api:
        return Api(f"https://127.0.0.1:{self.port}", "root@pam", self.password)

    def ask(self, *argv: str, data: str = "", timeout_s: float = 240) -> Done:
        """Run a program as root; it may fail."""
        done = subprocess.run(
            ["lxc-attach", "-n", self.container, "--clear-env", "--", *argv],
            input=data.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=timeout_s,
        )
        return Done(code=done.returncode, text=done.stdout.decode(errors="replace"))

    def run(self, *argv: str, data: str = "") -> str:
        done = self.ask(*argv, data=data)
        assert done.code == 0, f"{self.name}: {argv}: {done.code}\n{done.text}"
        return done.text

    def shell(self, script: str) -> str:
        return self.run("sh", "-c", script)

    def write(self, path: str, text: str) -> bool:
        return self.ask("sh", "-c", f"cat > /etc/pve/{path}", data=text).code == 0

    def read(self, path: str) -> str:
        return self.run("cat", f"/etc/pve/{path}")

    def online(self) -> int:
        """How many members this host sees; 0 without quorum."""
        told = self.ask("corosync-quorumtool", "-s").text
        values = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
        return int(values["Nodes"]) if values.get("Quorate", "").strip() == "Yes" else 0

    def fingerprint(self) -> str:
        text = self.shell("openssl x509 -in /etc/pve/local/pve-ssl.pem -noout -fingerprint -sha256")
        return text.strip().partition("=")[2]


def wait_for(what: str, holds: Callable[[], bool], limit_s: float = 60) -> None:
    eventually(holds, limit_s, what)


def switch_on(machine: Machine) -> None:
    """A machine that was powered off; returns when its daemons run."""
    config = str(machine.folder / "config")
    subprocess.run(["lxc-wait", "-n", machine.container, "-s", "STOPPED", "-t", "90"], check=True)
    subprocess.run(["lxc-start", "-n", machine.container, "-f", config, "-d", "--", "/sbin/init"], check=True)
    wait_for("it is up", lambda: machine.ask("systemctl", "is-active", "hostd.service").code == 0, 120)


@pytest.fixture(scope="session")
def machines() -> list[Machine]:
    if "HOLDFAST_PORTS" not in os.environ:
        pytest.skip("HOLDFAST_PORTS is not set: needs three hosts (`make test-cluster` starts them)")
    ports, folder = os.environ["HOLDFAST_PORTS"].split(), Path(os.environ["HOLDFAST_NODES"])
    return [
        Machine(name=f"node{n}", port=int(port), folder=folder / f"cluster-{ports[0]}-{n}")
        for n, port in enumerate(ports, 1)
    ]
