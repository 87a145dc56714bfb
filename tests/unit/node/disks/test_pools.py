"""What tools tell of groups and pools, and the command lines that make them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from hostd.core.errors import Invalid, NotFound, ParseError
from hostd.node.disks import commands, pools, uses

STATUS = """  pool: tank
 state: DEGRADED
status: One or more devices could not be used.
\tThe pool still works.
action: Replace the device.
  scan: none requested
config:

\tNAME                STATE     READ WRITE CKSUM
\ttank                DEGRADED     0     0     0
\t  mirror-0          DEGRADED     0     0     0
\t    /dev/sda1       ONLINE       0     0     2
\t    /dev/sdb1       UNAVAIL      3     0     0  cannot open
\tlogs
\t  /dev/nvme0n1p1    ONLINE       0     0     0
\tspares
\t  /dev/sdc          AVAIL

errors: No known data errors
"""


def test_state_of_a_pool() -> None:
    found = pools.parse_zpool_status(STATUS, "tank")
    assert (found["state"], found["action"]) == ("DEGRADED", "Replace the device.")
    assert found["status"] == "One or more devices could not be used. The pool still works."
    tank, logs, spares = cast(list[dict[str, Any]], found["children"])
    assert [d["name"] for d in tank["children"][0]["children"]] == ["/dev/sda1", "/dev/sdb1"]
    broken = tank["children"][0]["children"][1]
    assert (broken["state"], broken["read"], broken["msg"], broken["leaf"]) == ("UNAVAIL", 3, "cannot open", 1)
    assert logs["children"][0]["name"] == "/dev/nvme0n1p1"
    assert spares["children"][0]["state"] == "AVAIL"
    with pytest.raises(NotFound):
        pools.parse_zpool_status(STATUS, "other")


def test_pools_by_size() -> None:
    rows = pools.parse_zpool_list("tank\t1000\t400\t600\t5\t1.00\tONLINE\ngone\t-\t-\t-\t-\t-\tUNAVAIL\n")
    assert rows[0] | {} == {
        "name": "tank", "size": 1000, "alloc": 400, "free": 600, "frag": 5, "dedup": 1.0, "health": "ONLINE"
    }  # fmt: skip
    assert "size" not in rows[1]
    with pytest.raises(ParseError):
        pools.parse_zpool_list("tank\t1000\n")


def test_groups_and_thin_pools() -> None:
    rows = [
        {"vg_name": "pve", "vg_size": "100", "vg_free": "10", "pv_name": "/dev/sda3", "pv_size": "60", "pv_free": "0"},
        {"vg_name": "pve", "vg_size": "100", "vg_free": "10", "pv_name": "/dev/sdb", "pv_size": "40", "pv_free": "10"},
        {"vg_name": "", "vg_size": "", "vg_free": "", "pv_name": "/dev/sdc", "pv_size": "9", "pv_free": "9"},
    ]
    tree = pools.parse_groups(json.dumps({"report": [{"pv": rows}]}))
    (group,) = cast(list[dict[str, Any]], tree["children"])
    assert [d["name"] for d in group["children"]] == ["/dev/sda3", "/dev/sdb"]
    thin = {
        "vg_name": "pve", "lv_name": "data", "lv_attr": "twi-aotz--", "lv_size": "1000", "lv_metadata_size": "100",
        "data_percent": "50.00", "metadata_percent": "10.00",
    }  # fmt: skip
    plain = thin | {"lv_name": "root", "lv_attr": "-wi-ao----"}
    (found,) = pools.parse_thin_pools(json.dumps({"report": [{"lv": [thin, plain]}]}))
    assert (found["lv"], found["used"], found["metadata_used"]) == ("data", 500, 10)


def test_layouts_of_pools() -> None:
    def made(level: str, *devices: str, **draid: int) -> str:
        return " ".join(commands.pool_argv("t", level, devices, ashift=12, compression="on", **draid)[7:])

    assert made("single", "a") == "a"
    assert made("mirror", "a", "b") == "mirror a b"
    assert made("raid10", "a", "b", "c", "d") == "mirror a b mirror c d"
    assert made("draid2", *"abcdef", data=3, spares=1) == "draid2:3d:6c:1s a b c d e f"
    for level, count in (("single", 2), ("mirror", 1), ("raid10", 5), ("raidz3", 4)):
        with pytest.raises(Invalid):
            made(level, *"abcdefgh"[:count])
    with pytest.raises(Invalid):
        made("draid", *"abc", data=3, spares=0)


def test_folders_are_units(tmp_path: Path) -> None:
    assert pools.unit_name("my-disk") == "mnt-pve-my\\x2ddisk.mount"
    (tmp_path / pools.unit_name("my-disk")).write_text(pools.unit_text("my-disk", "1234", "ext4"))
    (tmp_path / "mnt-pve-broken.mount").write_text("[Mount\n")
    (found,) = pools.folders(tmp_path)
    assert (found["path"], found["device"], found["type"]) == ("/mnt/pve/my-disk", "/dev/disk/by-uuid/1234", "ext4")


def test_uses() -> None:
    with pytest.raises(ParseError):
        uses.parse_lsblk("[")
    assert uses.parse_zpools("tank\t1T\n\t/dev/sda\t1T\n\tmirror-0\t1T\n\t/dev/sdb1\t1T\n") == {"/dev/sda", "/dev/sdb1"}
