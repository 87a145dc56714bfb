"""Terminals drawn for VNC viewers: a container's console, the node's shell; through nginx, hostd-stream, the task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.guests.vncterm.session import font
from tests.lib import vncview
from tests.lib.apiclient import Api
from tests.lib.inside import Inside
from tests.lib.waiting import eventually

VMID = 9005


@pytest.fixture
def container(api: Api, template: Path) -> Iterator[str]:
    """One that runs, with a shell on its console."""
    node = f"/nodes/{api.node}/lxc"
    volume = f"local:vztmpl/{template.name}"
    if volume not in [row["volid"] for row in api.get(f"/nodes/{api.node}/storage/local/content", content="vztmpl")]:
        api.upload("local", "vztmpl", template)
    api.wait(
        api.post(
            node, vmid=VMID, ostemplate=volume, rootfs="local:1", memory=128, swap=0, unprivileged=1,
            ostype="unmanaged", cmode="shell",
        )
    )  # fmt: skip
    api.wait(api.post(f"{node}/{VMID}/status/start"))
    yield f"{node}/{VMID}"
    api.wait(api.delete(f"{node}/{VMID}?force=1"))


def test_a_containers_console(api: Api, container: str) -> None:
    opened = api.post(f"{container}/vncproxy", websocket=1)
    steps = [("", "\n"), ("/ #", "echo $((6*7)) drawn\n"), ("42 drawn", "")]
    lines = asyncio.run(vncview.watch(api, container, opened, font(), steps))
    print("\n".join(line for line in lines if line))
    assert api.wait(opened["upid"]) == "OK"


def test_a_nodes_shell_of_another_size(api: Api, inside: Inside) -> None:
    base = f"/nodes/{api.node}"
    opened = api.post(f"{base}/vncshell", width=640, height=400)
    command = "clear; echo $TERM $(stty size)\n"
    prompt = f"root@{api.node}"
    lines = asyncio.run(vncview.watch(api, base, opened, font(), [(prompt, command), ("linux 25 80", "")]))
    assert len(lines) == 25
    assert api.wait(opened["upid"]) == "OK"
    eventually(lambda: not inside.shell("pgrep -f '^login -f root' || true").strip())
