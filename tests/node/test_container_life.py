"""Containers on one real node, by the API and by pct: changes while they run, copies, a reboot from inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lib.apiclient import Api
from tests.lib.inside import Inside
from tests.lib.waiting import eventually

FIRST, COPY = 9003, 9004
MANY = range(9100, 9120)


def may_grow_mounted(inside: Inside) -> bool:
    """Whether the node has CAP_SYS_RESOURCE, which the kernel asks for; build machines may lack it."""
    words = inside.run("cat", "/proc/1/status").split()
    return bool(int(words[words.index("CapEff:") + 1], 16) >> 24 & 1)


@pytest.fixture(scope="module")
def archive(api: Api, template: Path) -> str:
    """The tiny template, on the node."""
    volume = f"local:vztmpl/{template.name}"
    if volume not in [row["volid"] for row in api.get(f"/nodes/{api.node}/storage/local/content", content="vztmpl")]:
        api.upload("local", "vztmpl", template)
    return volume


@pytest.fixture(scope="module")
def place(api: Api, archive: str) -> Iterator[str]:
    """A container that runs."""
    node = f"/nodes/{api.node}/lxc"
    api.wait(
        api.post(
            node, vmid=FIRST, hostname="life", ostemplate=archive, rootfs="local:1", memory=128, swap=0, unprivileged=1,
            ostype="unmanaged", net0="name=eth0,ip=192.0.2.5/24,host-managed=1",
        )
    )  # fmt: skip
    api.wait(api.post(f"{node}/{FIRST}/status/start"))
    yield f"{node}/{FIRST}"
    for vmid in (COPY, FIRST):
        if vmid in {row["vmid"] for row in api.get(node)}:
            api.wait(api.delete(f"{node}/{vmid}?force=1"))


def buckets(inside: Inside) -> list[str]:
    """The node's token buckets: device and rate."""
    words = [row.split() for row in inside.shell("tc qdisc show").splitlines() if row.startswith("qdisc tbf")]
    return sorted(f"{row[row.index('dev') + 1]} {row[row.index('rate') + 1]}" for row in words)


def test_a_card_carries_no_more_than_its_rate(api: Api, inside: Inside, place: str) -> None:
    """By a change while it runs, and after a start; both ways, on the host's end."""

    def devices() -> str:
        return inside.shell(f"ls /sys/class/net | grep -c '^ifb{FIRST}i' || true").strip()

    host_end, between = f"veth{FIRST}i0", f"ifb{FIRST}i0"
    card = api.get(f"{place}/config")["net0"]
    api.put(f"{place}/config", net0=f"{card},rate=2.5")
    assert buckets(inside) == [f"{between} 20Mbit", f"{host_end} 20Mbit"]
    assert between in inside.shell(f"tc filter show dev {host_end} ingress")
    api.wait(api.post(f"{place}/status/shutdown", forceStop=1, timeout=20))
    assert devices() == "0"
    upid = api.post(f"{place}/status/start")
    api.wait(upid)
    assert not [line for line in api.task_log(upid) if "WARN" in line]
    assert buckets(inside) == [f"{between} 20Mbit", f"{host_end} 20Mbit"]
    api.put(f"{place}/config", net0=f"{card},rate=1")
    assert buckets(inside) == [f"{between} 8Mbit", f"{host_end} 8Mbit"]
    api.put(f"{place}/config", net0=card)
    assert buckets(inside) == []
    assert devices() == "0"


def test_limits_and_volumes_change_at_once(api: Api, inside: Inside, place: str) -> None:
    api.put(f"{place}/config", memory=256, cores=1)
    assert not [row for row in api.get(f"{place}/pending") if "pending" in row]
    assert api.get(f"{place}/config")["memory"] == 256
    before = eventually(lambda: api.get(f"{place}/status/current").get("maxdisk"))
    if not may_grow_mounted(inside):
        return
    api.wait(api.put(f"{place}/resize", disk="rootfs", size="+1G"))
    assert api.get(f"{place}/config")["rootfs"].endswith("size=2G")
    assert eventually(lambda: api.get(f"{place}/status/current")["maxdisk"] > before + (800 << 20))


def test_its_cards_are_shown(api: Api, place: str) -> None:
    cards = {row["name"]: row for row in api.get(f"{place}/interfaces")}
    assert cards["eth0"]["inet"] == "192.0.2.5/24"
    api.put(f"{place}/config", net1="name=eth1,ip=192.0.2.130/25")
    cards = {row["name"]: row for row in api.get(f"{place}/interfaces")}
    assert cards["eth1"]["ip-addresses"][0] == {"ip-address": "192.0.2.130", "ip-address-type": "inet", "prefix": 25}
    api.put(f"{place}/config", delete="net1")
    assert "eth1" not in {row["name"] for row in api.get(f"{place}/interfaces")}


def test_programs_and_files_by_pct(api: Api, inside: Inside, place: str) -> None:
    assert "uid=0" in inside.run("pct", "exec", str(FIRST), "--", "/bin/id")
    inside.run("pct", "push", str(FIRST), "/etc/hostname", "/root/name", "--perms", "600")
    assert "-rw-------" in inside.run("pct", "exec", str(FIRST), "--", "/bin/ls", "-l", "/root/name")
    inside.run("pct", "pull", str(FIRST), "/root/name", "/tmp/pulled")
    assert inside.run("cat", "/tmp/pulled") == inside.run("cat", "/etc/hostname")
    assert "rootfs" in inside.run("pct", "df", str(FIRST))
    assert f"{FIRST}: " in inside.run("pct", "cpusets")


def test_a_reboot_from_inside_is_a_start(api: Api, inside: Inside, place: str) -> None:
    card = api.get(f"{place}/config")["net0"]
    api.put(f"{place}/config", hostname="renamed", net0=f"{card},rate=2")
    assert [row["pending"] for row in api.get(f"{place}/pending") if row["key"] == "hostname"] == ["renamed"]
    inside.run("pct", "exec", str(FIRST), "--", "/bin/busybox", "reboot", "-f")
    assert eventually(lambda: api.get(f"{place}/config", current=1)["hostname"] == "renamed")
    assert eventually(lambda: inside.shell(f"pct exec {FIRST} -- /bin/hostname || true").strip() == "renamed")
    assert inside.run("systemctl", "show", "--property", "NRestarts", "--value", f"hostd-ct@{FIRST}").strip() == "1"
    assert buckets(inside) == [f"ifb{FIRST}i0 16Mbit", f"veth{FIRST}i0 16Mbit"]
    api.put(f"{place}/config", net0=card)


def test_holding_still_and_booting_anew(api: Api, place: str) -> None:
    api.wait(api.post(f"{place}/status/suspend"))
    api.wait(api.post(f"{place}/status/resume"))
    api.wait(api.post(f"{place}/status/reboot", timeout=30))
    assert eventually(lambda: api.get(f"{place}/status/current")["status"] == "running")


def test_copies_and_templates(api: Api, place: str) -> None:
    assert "snapshot feature is not available" in api.wait(api.post(f"{place}/snapshot", snapname="one"), ok=False)
    assert api.get(f"{place}/feature", feature="snapshot") == {"hasFeature": 0}
    api.wait(api.post(f"{place}/status/shutdown", timeout=30))
    api.wait(api.put(f"{place}/resize", disk="rootfs", size="+1G"))
    assert api.get(f"{place}/config")["rootfs"].endswith(("size=2G", "size=3G"))
    api.wait(api.post(f"{place}/clone", newid=COPY, hostname="copy", full=1))
    copy = place.replace(str(FIRST), str(COPY))
    assert api.get(f"{copy}/config")["hostname"] == "copy"
    api.wait(api.post(f"{copy}/status/start"))
    api.wait(api.post(f"{copy}/status/stop"))
    api.post(f"{copy}/template")
    assert api.get(f"{copy}/config")["template"] == 1
    assert "is a template" in api.wait(api.post(f"{copy}/status/start"), ok=False)


def test_many_are_started_at_once(api: Api, archive: str) -> None:
    node = f"/nodes/{api.node}/lxc"
    wanted = {"ostemplate": archive, "memory": 64, "swap": 0, "ostype": "unmanaged", "net0": "name=eth0,bridge=vmbr0"}
    try:
        for vmid in MANY:  # images and folders
            api.wait(api.post(node, vmid=vmid, rootfs=f"local:{vmid % 2}", **wanted))
        tasks = [api.post(f"{node}/{vmid}/status/start") for vmid in MANY]
        assert [api.wait(task) for task in tasks] == ["OK"] * len(MANY)
        eventually(lambda: set(MANY) <= {row["vmid"] for row in api.get(node) if row["status"] == "running"})
    finally:
        there = {row["vmid"] for row in api.get(node)}
        for vmid in there & set(MANY):
            api.wait(api.delete(f"{node}/{vmid}?force=1"))
