"""`make cluster N=3`: full nodes from the built packages in containers on one bridge, joined by our own commands.

Each is a node as `make dev` makes it, with a name, an address and a web port of its own. All have the same folder at
/srv/shared, for storages that every node sees. FORM=no leaves them single: tests form the cluster themselves.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagebuild import dev, web
from imagebuild.cache import clear
from imagebuild.context import Context
from imagebuild.dev import Node
from imagebuild.progress import say, stage
from imagebuild.shell import StepFailed, call, output, succeeds

NAME = "devcluster"
MOST = 16
FIRST_PORT = 8011


@dataclass(frozen=True, kw_only=True)
class Member(Node):
    """Node ``number`` (from 1) of the cluster whose first web port is ``first``."""

    first: int
    number: int
    prefix: int = 27

    @property
    def name(self) -> str:
        return f"node{self.number}"

    @property
    def address(self) -> str:
        return self.addresses()[0]

    def addresses(self) -> tuple[str, str]:
        """(node, this machine) in a network of 32 addresses, one network per cluster."""
        net = self.first * 32 % 65536
        return f"10.89.{net // 256}.{net % 256 + 1 + self.number}", f"10.89.{net // 256}.{net % 256 + 1}"

    def run(self, *argv: str) -> str:
        """Run a program inside and return what it printed; StepFailed with its errors."""
        return output([*dev.attach_argv(self), *argv])


def bridge(first: int) -> str:
    return f"hfc{first}"


def members(ctx: Context) -> list[Member]:
    """The nodes by PORT (the first one's) and N."""
    first, count = int(os.environ.get("PORT") or FIRST_PORT), int(os.environ.get("N") or 3)
    if not 1 <= count <= MOST:
        raise StepFailed(f"N={count}: from 1 to {MOST} nodes are possible")
    shared = _shared(ctx, first)
    return [
        Member(
            port=first + n,
            folder=_folder(ctx, first, n + 1),
            first=first,
            number=n + 1,
            bridge=bridge(first),
            shared=shared,
        )
        for n in range(count)
    ]


def _shared(ctx: Context, first: int) -> Path:
    return ctx.place("dev", f"cluster-{first}-shared")


def _folder(ctx: Context, first: int, number: int) -> Path:
    return ctx.place("dev", f"cluster-{first}-{number}")


def up(ctx: Context) -> None:
    """Start fresh nodes; with FORM=yes (the rule) make one cluster of them."""
    lower = dev.layers(ctx)
    down(ctx)
    nodes = members(ctx)
    call(["ip", "link", "add", nodes[0].bridge, "type", "bridge", "forward_delay", "0"])
    call(["ip", "address", "add", f"{nodes[0].addresses()[1]}/{nodes[0].prefix}", "dev", nodes[0].bridge])
    call(["ip", "link", "set", nodes[0].bridge, "up"])
    _shared(ctx, nodes[0].first).mkdir(parents=True)
    with stage(ctx.cache, f"cluster: start {len(nodes)} nodes"):
        for node in nodes:
            node.folder.mkdir(parents=True, exist_ok=True)  # perhaps a link to a disk of its own (idle_writes)
            dev.start(node, lower)
        for node in nodes:
            dev.wait(node)
    if os.environ.get("FORM", "yes") != "no":
        with stage(ctx.cache, "cluster: create and join"):
            form(nodes)
    print(summary(nodes))


def form(nodes: Sequence[Member]) -> None:
    """Create the cluster on the first node; the others come in turn, by password and by token."""
    first, *others = nodes
    first.run("pvecm", "create", NAME)
    password = (first.folder / "password").read_bytes()
    for node in others:
        attach = dev.attach_argv(node)
        if node.number % 2:
            token = first.run("pvecm", "token", "create").strip()
            call([*attach, "pvecm", "join", "-"], log=node.folder / "join.log", input=token.encode() + b"\n")
        else:
            print_of = web.fingerprint(first.port)
            argv = ["pvecm", "add", first.address, "--fingerprint", print_of]
            call([*attach, *argv], log=node.folder / "join.log", input=password)


def down(ctx: Context) -> None:
    """Stop all nodes of the cluster on this port, however many there are, and remove their network."""
    first = int(os.environ.get("PORT") or FIRST_PORT)
    for number in range(1, MOST + 1):
        folder = _folder(ctx, first, number)
        if folder.is_dir():
            dev.remove(Member(port=first + number - 1, folder=folder, first=first, number=number, bridge=bridge(first)))
    clear(_shared(ctx, first))
    if succeeds(["ip", "link", "show", bridge(first)]):
        call(["ip", "link", "delete", bridge(first)])
    say(f"no nodes on port {first} and up")


def summary(nodes: Sequence[Member]) -> str:
    """What a person needs to use the nodes."""
    lines = [f"{len(nodes)} Holdfast nodes run:", ""]
    for node in nodes:
        password = (node.folder / "password").read_text().strip()
        lines.append(f"  {node.name:8} https://localhost:{node.port}/  {node.address:14} root@pam {password}")
        lines.append(f"  {'':8} lxc-attach -n {node.container}")
    return "\n".join([*lines, "", f"  Stop: make cluster-down PORT={nodes[0].first}"])
