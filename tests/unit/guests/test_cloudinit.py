"""Cloud-init: what the files say, what is recorded of a drive, and what of it has changed since."""

from __future__ import annotations

import pytest

from hostd.core.formats.keyvalue import GuestFile, parse_guest
from hostd.guests.qemu import cloudinit
from hostd.guests.qemu.cloudinit import Resolver

HOST = Resolver(nameservers=("10.9.9.9",), search="lab.test")
MAC = "52:54:00:00:00:0A"
DRIVE = "ide2: local:100/vm-100-cloudinit.qcow2,media=cdrom\n"


def config(text: str) -> dict[str, str]:
    return dict(parse_guest(text).current)


def test_a_user_with_password_and_keys() -> None:
    text = cloudinit.user_data(
        config(
            "name: db.lab.test\nciuser: ann\ncipassword: $y$x\nciupgrade: 0\n"
            "sshkeys: ssh-ed25519%20AA%20a%0A%0Assh-rsa%20BB%0A\n"
        ),
        100,
        HOST,
    )
    assert text.splitlines() == [
        "#cloud-config", "hostname: db", "manage_etc_hosts: true", "fqdn: db.lab.test", "user: ann", "password: $y$x",
        "ssh_authorized_keys:", "  - ssh-ed25519 AA a", "  - ssh-rsa BB", "chpasswd:", "  expire: False", "users:",
        "  - default",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ipconfig", "subnets"),
    [
        ("ip=10.1.2.3/22,gw=10.1.0.1",
         ["- type: static", "address: '10.1.2.3'", "netmask: '255.255.252.0'", "gateway: '10.1.0.1'"]),
        ("ip=dhcp,ip6=auto", ["- type: dhcp4", "- type: ipv6_slaac"]),
        ("ip6=2001:db8::5/64,gw6=2001:db8::1",
         ["- type: static6", "address: '2001:db8::5/64'", "gateway: '2001:db8::1'"]),
    ],
)  # fmt: skip
def test_addresses(ipconfig: str, subnets: list[str]) -> None:
    text = cloudinit.network_data(config(f"net1: virtio={MAC},bridge=b\nipconfig1: {ipconfig}\n"), HOST)
    lines = [line.strip() for line in text.splitlines()]
    start, end = lines.index("subnets:"), lines.index("- type: nameserver")
    assert "name: eth1" in lines
    assert "mac_address: '52:54:00:00:00:0a'" in lines
    assert lines[start + 1 : end] == subnets


def test_windows_reads_a_config_drive() -> None:
    values = config(f"ostype: win11\nnet0: e1000={MAC},bridge=b\nipconfig0: ip6=2001:db8::5/64,gw6=2001:db8::1\n")
    assert cloudinit.form(values) == "configdrive2"
    assert cloudinit.form({**values, "citype": "nocloud"}) == "nocloud"
    lines = [line.strip() for line in cloudinit.network_data(values, HOST).splitlines()]
    assert lines[-4:] == ["iface eth0 inet6 static", "address 2001:db8::5", "netmask 64", "gateway 2001:db8::1"]


def test_opennebula_quotes_for_the_shell() -> None:
    text = cloudinit.context(
        config(f"name: it\nciuser: o'hara\nnet0: virtio={MAC},bridge=b\nipconfig0: ip=10.0.0.4/24\n"), 100, HOST
    )
    assert "USERNAME='o'\\''hara'\n" in text
    assert "ETH0_NETWORK='10.0.0.0'\n" in text


def test_snippets_replace_files_and_change_the_id() -> None:
    plain = cloudinit.seed({}, 100, HOST)
    own = cloudinit.seed({}, 100, HOST, {"user": "#cloud-config\n", "vendor": "v\n"})
    assert own.user == "#cloud-config\n"
    assert own.vendor == "v\n"
    assert own.network == plain.network
    assert own.meta != plain.meta


def test_what_differs_from_the_drive() -> None:
    file = cloudinit.with_record(parse_guest(DRIVE + f"name: a\nciuser: x\nnet0: virtio={MAC},bridge=b\n"))
    assert [r for r in cloudinit.rows(file) if r.pending is not None or r.delete] == []
    changed = {k: v for k, v in file.current.items() if k != "ciuser"} | {
        "name": "b", "nameserver": "10.0.0.1", "net0": f"virtio={MAC},bridge=other",
    }  # fmt: skip
    rows = {r.key: r for r in cloudinit.rows(GuestFile(current=changed, special=file.special))}
    assert (rows["name"].value, rows["name"].pending) == ("a", "b")
    assert (rows["nameserver"].value, rows["nameserver"].pending) == (None, "10.0.0.1")
    assert rows["ciuser"].delete
    assert rows["net0"].pending is None, "only the card's address is on the drive"


def test_a_record_goes_with_its_drive() -> None:
    file = cloudinit.with_record(parse_guest(DRIVE + "name: a\n"))
    assert cloudinit.without_stale_record(file) == file
    assert cloudinit.without_stale_record(GuestFile(current={"name": "a"}, special=file.special)).special == {}
