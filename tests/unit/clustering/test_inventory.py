"""What a host brings along, and everything that stands against its joining, at once."""

from __future__ import annotations

import json

from hostd.clustering import inventory
from hostd.clustering.inventory import Inventory

TREE = [
    ("nodes/alpha/qemu-server/100.conf", b"name: a\nscsi0: fast:vm-100-disk-0,size=1G\nide2: none,media=cdrom\n"),
    ("nodes/alpha/lxc/101.conf", b"hostname: c\nrootfs: local:101/vm-101-disk-0.raw,size=1G\n"),
    ("nodes/alpha/pve-ssl.pem", b"-----"),
    ("storage.cfg", b"dir: local\n\tpath /var/lib/vz\n\nzfspool: fast\n\tpool tank\n"),
    ("user.cfg", b"user:root@pam:1:0:::\nuser:joe@pve:1:0:::\n\ngroup:ops:joe@pve:\n\nacl:1:/:@ops:PVEAdmin:\n"),
    ("domains.cfg", b"ldap: office\n\tserver1 192.0.2.9\n"),
]


def here(**more: object) -> Inventory:
    return inventory.take(TREE, version="0.1.4", time_s=1000.0)


def there(**more: object) -> Inventory:
    values: dict[str, object] = {"version": "0.1.0", "time_s": 1003.0, "storages": {"local": "dir", "fast": "zfspool"}}
    return Inventory(**{**values, **more})  # type: ignore[arg-type]


def test_a_tree_is_read() -> None:
    found = here()
    assert found.guests == {100: "alpha", 101: "alpha"}
    assert found.used == {100: ("fast",), 101: ("local",)}
    assert found.storages == {"local": "dir", "fast": "zfspool"}
    assert ("realm", "office") in found.accounts
    assert ("group", "ops") in found.accounts
    assert Inventory.from_wire(json.loads(json.dumps(found.to_wire()))) == found


def test_nothing_stands_against_a_host_that_fits() -> None:
    assert inventory.refusals(here(), there()) == []
    assert inventory.losses(here(), there(accounts=here().accounts)) == []


def test_everything_that_stands_against_it_is_said_at_once() -> None:
    other = there(
        version="0.2.0", time_s=1009.0, guests={101: "beta", 7000: "beta"}, storages={"local": "btrfs"}
    )  # fmt: skip
    found = inventory.refusals(here(), other)
    for part in (
        "guest id 101 exists here and on node 'beta'",
        "storage 'local' is of type dir here and btrfs in the cluster",
        "versions differ: 0.1.4 here, 0.2.0",
        "clocks are 9 s apart",
        "guest 100 uses storage 'fast'",
    ):
        assert any(part in text for text in found), part
    assert len(found) == 5


def test_what_only_the_host_knows_is_named() -> None:
    lost = inventory.losses(here(), there(storages={"local": "dir"}, accounts=frozenset({("user", "root@pam")})))
    assert "storage 'fast'" in lost[0]
    assert {text.split(" of this host")[0] for text in lost[1:]} == {"group 'ops'", "realm 'office'", "user 'joe@pve'"}
