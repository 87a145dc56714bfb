"""A container from a backup on one real node: made here by tar as vzdump would, restored, and restored over itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lib.apiclient import Api, ApiError
from tests.lib.inside import Inside

FIRST, SECOND = 9021, 9022
NAME = f"vzdump-lxc-{FIRST}-2026_01_02-03_04_05.tar.zst"
BACKUP = f"local:backup/{NAME}"


@pytest.fixture(scope="module")
def backup(api: Api, inside: Inside, template: Path) -> Iterator[str]:
    """Of a container that has a file of its user 1000 and a configuration."""
    node, volume = f"/nodes/{api.node}/lxc", f"local:vztmpl/{template.name}"
    if volume not in [row["volid"] for row in api.get(f"/nodes/{api.node}/storage/local/content", content="vztmpl")]:
        api.upload("local", "vztmpl", template)
    script = f"""set -e
        rm -rf /tmp/ct && mkdir -p /tmp/ct/etc/vzdump /var/lib/vz/dump
        tar -C /tmp/ct -xzf /var/lib/vz/template/cache/{template.name}
        printf 'mine' > /tmp/ct/root/mine; chown 1000:1000 /tmp/ct/root/mine
        printf 'hostname: saved\\nmemory: 128\\nswap: 0\\nostype: unmanaged\\nunprivileged: 1\\nlock: backup\\n' \
            > /tmp/ct/etc/vzdump/pct.conf
        printf 'net0: name=eth0,hwaddr=02:00:00:00:00:07,host-managed=1,ip=192.0.2.9/24\\n' \
            >> /tmp/ct/etc/vzdump/pct.conf
        printf 'rootfs: x:9021/y.raw,size=1G\\n' >> /tmp/ct/etc/vzdump/pct.conf
        tar -C /tmp/ct --numeric-owner --zstd -cf /var/lib/vz/dump/{NAME} ./etc/vzdump .
        rm -rf /tmp/ct"""
    inside.run("sh", "-c", script)
    yield BACKUP
    for vmid in (FIRST, SECOND):
        if vmid in {row["vmid"] for row in api.get(node)}:
            api.wait(api.delete(f"{node}/{vmid}?force=1"))
    inside.run("rm", "-f", f"/var/lib/vz/dump/{NAME}")


def test_it_is_as_it_was(api: Api, inside: Inside, backup: str) -> None:
    node = f"/nodes/{api.node}/lxc"
    api.wait(api.post(node, vmid=FIRST, ostemplate=backup, restore=1, start=1))
    config = api.get(f"{node}/{FIRST}/config")
    assert (config["hostname"], config["memory"], config["unprivileged"]) == ("saved", 128, 1)
    assert config["rootfs"] == f"local:{FIRST}/vm-{FIRST}-disk-0.raw,size=1G"
    assert "hwaddr=02:00:00:00:00:07" in config["net0"]
    assert "lock" not in config
    listed = inside.run("pct", "exec", str(FIRST), "--", "/bin/ls", "-ln", "/root/mine")
    assert listed.split()[2:4] == ["1000", "1000"]
    gone = inside.run("pct", "exec", str(FIRST), "--", "/bin/ls", "/etc/vzdump")
    assert gone.strip() == "", "what the backup says of itself is not the container's"


def test_over_itself_once_it_is_off(api: Api, inside: Inside, backup: str) -> None:
    node = f"/nodes/{api.node}/lxc"
    for values, words in (({}, "already exists"), ({"force": 1}, "is running")):
        try:
            ended = api.wait(api.post(node, vmid=FIRST, ostemplate=backup, restore=1, **values), ok=False)
        except ApiError as err:
            ended = err.reason
        assert words in ended
    api.wait(api.post(f"{node}/{FIRST}/status/stop"))
    api.wait(api.post(node, vmid=FIRST, ostemplate=backup, restore=1, force=1, unique=1, hostname="again"))
    config = api.get(f"{node}/{FIRST}/config")
    assert config["hostname"] == "again"
    assert "02:00:00:00:00:07" not in config["net0"]
    assert inside.run("ls", f"/var/lib/vz/images/{FIRST}").split() == [f"vm-{FIRST}-disk-1.raw"]


def test_a_broken_backup_leaves_what_is_there(api: Api, inside: Inside, backup: str) -> None:
    node = f"/nodes/{api.node}/lxc"
    broken = NAME.replace("03_04_05", "03_04_06")
    inside.run("sh", "-c", f"head -c 700000 /var/lib/vz/dump/{NAME} > /var/lib/vz/dump/{broken}")
    before = api.get(f"{node}/{FIRST}/config")
    try:
        upid = api.post(node, vmid=FIRST, ostemplate=f"local:backup/{broken}", restore=1, force=1)
        assert api.wait(upid, ok=False) != "OK"
        assert api.get(f"{node}/{FIRST}/config") == before
        assert inside.run("ls", f"/var/lib/vz/images/{FIRST}").split() == [f"vm-{FIRST}-disk-1.raw"]
    finally:
        inside.run("rm", "-f", f"/var/lib/vz/dump/{broken}")
