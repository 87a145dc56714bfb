"""Details of setting up a container's files that no recorded case tells."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hostd.guests.lxc.inside import accounts, identity, ifupdown, inittab, networkd, sections
from hostd.guests.lxc.inside.detect import Distribution, architecture, distribution, parse_os_release
from hostd.guests.lxc.inside.ifupdown import Dialect
from hostd.guests.lxc.inside.job import Job, Report, Resolver
from hostd.guests.lxc.inside.networks import dialect
from hostd.guests.lxc.inside.setup import apply
from hostd.guests.lxc.inside.tree import RealTree, Tree
from hostd.guests.lxc.network import nics
from tests.fakes.tree import MemoryTree

DEBIAN = {"etc/os-release": "ID=debian\nVERSION_ID=13\n", "etc/debian_version": "13.1\n"}
STATIC = {"net0": "name=eth0,ip=192.0.2.5/24,gw=192.0.2.1"}
PASSWD = "root:x:0:0:root:/root:/bin/sh\n"


@pytest.fixture(params=["memory", "real"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Tree:
    """The fake must pass what the real one passes."""
    return MemoryTree() if request.param == "memory" else RealTree(str(tmp_path))


def test_a_tree_reads_what_was_written(tree: Tree) -> None:
    assert tree.read("etc/name") is None
    assert tree.head("etc/name", 3) == b""
    tree.write("etc/name", "one\n")
    tree.write("etc/name", "two\udcff\n")  # a byte that is no UTF-8 comes back as it was
    assert tree.read("etc/name") == "two\udcff\n"
    assert tree.head("etc/name", 3) == b"two"
    assert tree.is_dir("etc")
    assert not tree.is_dir("etc/name")


def test_a_tree_follows_links_but_replaces_them(tree: Tree) -> None:
    tree.write("real/file", "a")
    tree.link("etc/alias", "../real/file")
    tree.write("etc/alias", "b")
    assert tree.read("real/file") == "b"
    assert tree.is_link("etc/alias")
    tree.link("etc/alias", "nowhere")
    assert tree.read("etc/alias") is None
    tree.unlink("etc/alias")
    tree.unlink("etc/alias")
    assert not tree.is_link("etc/alias")
    assert tree.read("real/file") == "b"


def test_a_tree_makes_folders_once(tree: Tree) -> None:
    tree.make_dir("root/.ssh", mode=0o700)
    tree.write("root/.ssh/x", "1")
    tree.make_dir("root/.ssh", mode=0o755)
    assert tree.read("root/.ssh/x") == "1"
    with pytest.raises(OSError, match="no plain file"):
        tree.write("root/.ssh", "x")


def test_a_written_file_keeps_its_mode_and_devices_are_not_opened(tmp_path: Path) -> None:
    tree = RealTree(str(tmp_path))
    tree.write("secret", "x", mode=0o600)
    tree.write("secret", "y")
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    os.mkfifo(tmp_path / "pipe")
    assert tree.read("pipe") is None  # opening it would wait for ever
    assert tree.head("pipe", 1) == b""
    (tmp_path / "big").write_bytes(b"x" * ((1 << 20) + 1))
    assert tree.read("big") is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ID=debian\n", "debian"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "centos"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", "ubuntu"),
        ("ID=opensuse-leap\n", "opensuse"),
        ("ID=busybox\n", "unmanaged"),
        ("", "unmanaged"),
    ],
)
def test_distributions(text: str, name: str) -> None:
    assert distribution(MemoryTree({"etc/os-release": text})).name == name


def test_versions() -> None:
    assert distribution(MemoryTree(DEBIAN)).version == (13, 1)
    assert distribution(MemoryTree({"etc/debian_version": "trixie/sid\n"})).version == (13,)
    assert not distribution(MemoryTree({"etc/debian_version": "stretch/sid\n"})).at_least(10)
    assert distribution(MemoryTree({"etc/debian_version": "later/sid\n"})).at_least(10)
    assert not Distribution(name="debian", version=(9, 13)).at_least(10)
    assert parse_os_release('# c\nA="x y"\nB=\'z\'\nbroken\nC="open\n') == {"A": "x y", "B": "z"}


def test_architectures() -> None:
    elf = bytearray(b"\x7fELF\x02\x01" + bytes(14))
    elf[18] = 62
    assert architecture(bytes(elf)) == "amd64"
    elf[18], elf[4] = 3, 1
    assert architecture(bytes(elf)) == "i386"
    elf[18] = 77
    assert architecture(bytes(elf)) == ""
    assert architecture(b"#!/bin/sh") == ""


def test_our_part_of_a_file() -> None:
    text = sections.placed("a\nb", "x\n")
    assert text == "a\nb\n# --- BEGIN PVE ---\nx\n# --- END PVE ---\n"
    assert sections.placed(text + "c\n", "y\n").endswith("b\n# --- BEGIN PVE ---\ny\n# --- END PVE ---\nc\n")
    assert sections.placed(text + sections.block("z\n"), "y\n").count("BEGIN") == 1
    assert sections.without(text) == "a\nb\n"


def test_hosts_and_resolver() -> None:
    job = Job(
        first=True, hostname="web.example.org", resolver=Resolver(nameservers=("127.0.0.53", "192.0.2.9"), search="x.y")
    )
    assert "127.0.1.1 web.example.org web\n" in identity.hosts("", job)
    once = identity.hosts("127.0.1.1 web\n127.0.0.1 localhost\n", job)
    assert once.startswith("127.0.1.1 web\n127.0.0.1 localhost\n# --- BEGIN")
    assert once.count("127.0.0.1 ") == 1
    assert identity.hosts(once, job) == once
    two = Job(first=True, hostname="web", searchdomain="a.b c.d")
    assert "127.0.1.1 web.a.b web.c.d web\n" in identity.hosts("", two)
    assert "127.0.1.1 localhost\n" in identity.hosts("", Job(first=True, searchdomain="a.b"))
    assert identity.resolv_conf("", job) == sections.block("search x.y\nnameserver 192.0.2.9\n")
    assert identity.resolv_conf("", Job(first=True)) is None
    own = Job(first=True, nameserver="2001:db8::1;192.0.2.7", searchdomain="a.b c.d", resolver=job.resolver)
    expected = sections.block("search a.b c.d\nnameserver 2001:db8::1\nnameserver 192.0.2.7\n")
    assert identity.resolv_conf("nameserver 1.1.1.1\n", own) == expected


def test_a_link_to_a_resolver_that_is_not_there_is_replaced() -> None:
    tree = MemoryTree(DEBIAN, links={"etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf"})
    apply(tree, Job(first=True, hostname="a", nameserver="192.0.2.9"))
    assert not tree.is_link("etc/resolv.conf")
    assert "192.0.2.9" in (tree.read("etc/resolv.conf") or "")


def test_a_new_container_gets_an_identity_of_its_own() -> None:
    files = {**DEBIAN, "etc/machine-id": "0123\n", "var/lib/dbus/machine-id": "0123\n"}
    tree = MemoryTree(files)
    apply(tree, Job(first=True, hostname="a"))
    assert tree.read("etc/machine-id") == ""
    assert tree.read("var/lib/dbus/machine-id") is None
    tree.write("etc/machine-id", "4567\n")
    apply(tree, Job(first=False, hostname="a"))
    assert tree.read("etc/machine-id") == "4567\n"


def test_units_of_the_host_are_masked_once() -> None:
    unit = "sys-kernel-debug.mount"
    tree = MemoryTree({**DEBIAN, f"usr/lib/systemd/system/{unit}": "[Unit]\n"})
    apply(tree, Job(first=True, hostname="a"))
    assert tree.links == {f"etc/systemd/system/{unit}": "/dev/null"}
    tree.unlink(f"etc/systemd/system/{unit}")  # somebody wants it back
    apply(tree, Job(first=False, hostname="a"))
    assert tree.links == {}


def test_time_zone() -> None:
    tree = MemoryTree({**DEBIAN, "usr/share/zoneinfo/Europe/Vienna": "TZif2", "etc/timezone": "UTC\n"})
    assert apply(tree, Job(first=True, timezone="Europe/Vienna")).warnings == ()
    assert tree.links["etc/localtime"] == "/usr/share/zoneinfo/Europe/Vienna"
    assert tree.read("etc/timezone") == "Europe/Vienna\n"
    assert "not known" in apply(tree, Job(first=False, timezone="No/Where")).warnings[0]
    assert tree.links["etc/localtime"] == "/usr/share/zoneinfo/Europe/Vienna"


def test_unmanaged_files_are_left_alone_but_for_what_was_asked() -> None:
    tree = MemoryTree({"etc/passwd": PASSWD, "bin/sh": "#!"})
    job = Job(
        first=True, hostname="x", nics=tuple(nics(STATIC)), password_hash="$6$a$b", today_days=7, nameserver="::1"
    )
    report = apply(tree, job)
    assert (report.ostype, report.warnings) == ("unmanaged", ())
    assert tree.read("etc/shadow") == "root:$6$a$b:7:0:99999:7:::\n"
    assert tree.modes["etc/shadow"] == 0o600
    assert tree.read("etc/hostname") is None
    assert tree.read(ifupdown.PATH) is None
    assert "was not set" in apply(MemoryTree(), job).warnings[0]


def test_a_debian_without_ifupdown_uses_networkd() -> None:
    files = {"usr/lib/systemd/systemd-networkd": "ELF", f"usr/lib/systemd/system/{networkd.UNIT}": "[Unit]\n"}
    job = Job(first=True, hostname="x", nics=tuple(nics({"net0": "name=eth0,ip=dhcp,ip6=auto"})))
    tree = MemoryTree({**DEBIAN, **files})
    apply(tree, job)
    text = tree.read("etc/systemd/network/eth0.network") or ""
    assert "DHCP = ipv4\nIPv6AcceptRA = true\n" in text
    assert tree.is_link(f"etc/systemd/system/multi-user.target.wants/{networkd.UNIT}")
    with_ifupdown = MemoryTree({**DEBIAN, **files, "usr/sbin/ifup": "ELF"})
    apply(with_ifupdown, job)
    assert with_ifupdown.read("etc/systemd/network/eth0.network") is None
    assert "iface eth0 inet dhcp" in (with_ifupdown.read(ifupdown.PATH) or "")


def test_routes_to_a_router_outside_the_network() -> None:
    nic = nics({"net0": "name=eth0,ip=10.0.0.5/32,gw=10.9.0.1,ip6=2001:db8::5/64,gw6=fe80::1"})[0]
    text = networkd.text(nic)
    assert text.endswith("\n[Route]\nDestination = 10.9.0.1/32\nScope = link\n")
    assert text.count("[Route]") == 1  # a link-local router needs none


def test_comments_and_foreign_cards_survive() -> None:
    before = (
        "# head\nauto lo\niface lo inet loopback\n\n# about eth0\nallow-hotplug eth0\niface eth0 inet dhcp\n"
        "\thostname x\n# tail\nsource interfaces.d/*\n\niface wan0 inet static\n\taddress 198.51.100.1\n"
    )
    after = ifupdown.rewrite(before, nics(STATIC), Dialect(cidr=True))
    assert after == (
        "# head\nauto lo\niface lo inet loopback\n\n# about eth0\nallow-hotplug eth0\niface eth0 inet static\n"
        "\taddress 192.0.2.5/24\n\tgateway 192.0.2.1\n\thostname x\n\n# tail\nsource interfaces.d/*\n\n"
        "iface wan0 inet static\n\taddress 198.51.100.1\n"
    )
    assert ifupdown.rewrite(after, nics(STATIC), Dialect(cidr=True)) == after


def test_dialects() -> None:
    assert not dialect(Distribution(name="ubuntu", version=(16, 4))).cidr
    assert dialect(Distribution(name="devuan", version=(5,))).cidr
    assert not dialect(Distribution(name="alpine", version=(3, 12))).cidr


def test_inittab_gets_a_getty_per_terminal() -> None:
    text = inittab.rewrite("id:2:initdefault:\n1:2345:respawn:/sbin/getty --noclear 38400 tty1\n", 2)
    assert text.splitlines() == [
        "id:2:initdefault:",
        "p0::powerfail:/sbin/init 0",
        "1:2345:respawn:/sbin/getty --noclear 38400 tty1",
        "2:23:respawn:/sbin/getty --noclear 38400 tty2",
    ]
    assert inittab.rewrite(text, 2) == text


def test_keys() -> None:
    tree = MemoryTree({"etc/passwd": "root:x:0:0::/var/root:/bin/sh\n", "var/root/.ssh/authorized_keys": "own key\n"})
    accounts.authorize_keys(tree, "ssh-ed25519 AAAA me\n\n")
    text = tree.read("var/root/.ssh/authorized_keys") or ""
    assert text == "own key\n" + sections.block("ssh-ed25519 AAAA me\n")
    assert accounts.check_keys("ssh-ed25519 AAAA me\n# note\n\n") == ""
    assert "line 2" in accounts.check_keys("ssh-ed25519 AAAA\nnonsense\n")


def test_jobs_and_reports_cross_as_json_and_hide_the_hash() -> None:
    job = Job(
        first=True,
        hostname="a",
        nics=tuple(nics(STATIC)),
        resolver=Resolver(nameservers=("::1",)),
        password_hash="$6$h",
    )
    assert Job.from_json(job.to_json()) == job
    assert "$6$h" not in repr(job)
    report = Report(ostype="debian", arch="amd64", warnings=("w",))
    assert Report.from_json(report.to_json()) == report


def set_up(files: dict[str, str], config: dict[str, str], **more: str) -> MemoryTree:
    """After two runs of the same job, which must not differ."""
    tree = MemoryTree(files)
    job = Job(
        first=True, hostname="web.example.org", nics=tuple(nics(config)), nameserver="192.0.2.9 2001:db8::9", **more
    )
    numbers = iter(range(9))
    apply(tree, job, lambda: f"00000000-0000-0000-0000-00000000000{next(numbers)}")
    once = (dict(tree.files), dict(tree.links))
    apply(tree, job, lambda: f"00000000-0000-0000-0000-00000000000{next(numbers)}")
    assert (tree.files, tree.links) == once
    return tree


BOTH = {"net0": "name=eth0,ip=192.0.2.5/24,gw=192.0.2.1,ip6=2001:db8::5/64,gw6=2001:db8::1"}


def test_gentoo_has_variables_and_a_service_per_card() -> None:
    files = {"etc/os-release": "ID=gentoo\n", "sbin/openrc": "ELF", "etc/init.d/net.lo": "#!/sbin/openrc-run\n",
             "etc/conf.d/hostname": '# name\nhostname="localhost"\n', "etc/conf.d/net": "# mine\n"}  # fmt: skip
    tree = set_up(files, BOTH)
    assert tree.read("etc/conf.d/net") == "# mine\n" + sections.block(
        'config_eth0="192.0.2.5/24\n2001:db8::5/64"\nroutes_eth0="default via 192.0.2.1\ndefault via 2001:db8::1"\n'
    )
    assert tree.links == {"etc/init.d/net.eth0": "net.lo", "etc/runlevels/default/net.eth0": "/etc/init.d/net.eth0"}
    assert tree.read("etc/conf.d/hostname") == '# name\nhostname="web"\n'


def test_cards_of_networkmanager_have_ids_of_their_own_that_stay() -> None:
    cards = {**BOTH, "net1": "name=eth1,ip=dhcp,ip6=auto"}
    tree = set_up({"etc/os-release": 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="10.0"\n'}, cards)
    first = tree.read("etc/NetworkManager/system-connections/eth0.nmconnection") or ""
    second = tree.read("etc/NetworkManager/system-connections/eth1.nmconnection") or ""
    assert "uuid=00000000-0000-0000-0000-000000000000\n" in first
    assert "uuid=00000000-0000-0000-0000-000000000001\n" in second
    assert "address=2001:db8::5/64\ngateway=2001:db8::1\ndns=2001:db8::9\n" in first
    assert "[ipv4]\nmethod=auto\ndns=192.0.2.9\n[ipv6]\nmethod=auto\n" in second
    assert tree.modes["etc/NetworkManager/system-connections/eth0.nmconnection"] == 0o600
    assert tree.read("etc/hostname") == "web.example.org\n"


def test_a_route_that_is_not_needed_any_more_goes() -> None:
    outside = {"net0": "name=eth0,ip=192.0.2.5/32,gw=198.51.100.1"}
    for release, path in (
        ("CentOS release 6.3 (Final)\n", "etc/sysconfig/network-scripts/route-eth0"),
        ("", "etc/sysconfig/network/ifroute-eth0"),
    ):
        files = {"etc/redhat-release": release} if release else {"etc/os-release": "ID=opensuse-leap\n"}
        tree = set_up(files, outside)
        assert "198.51.100.1" in (tree.read(path) or "")
        apply(tree, Job(first=False, hostname="web", nics=tuple(nics({"net0": "name=eth0,ip=dhcp"}))))
        assert tree.read(path) is None


def test_an_old_upstart_gets_a_job_per_terminal() -> None:
    files = {"etc/redhat-release": "CentOS release 6.3 (Final)\n", "etc/init/rc.conf": "",
             "etc/rc.d/rc.sysinit": "a\n/sbin/start_udev\n"}  # fmt: skip
    tree = set_up(files, {})
    assert "mingetty tty2" in (tree.read("etc/init/tty2.conf") or "")
    assert tree.read("etc/init/tty3.conf") is None
    assert tree.read("etc/rc.d/rc.sysinit") == "a\n#/sbin/start_udev\n"
    assert tree.read("etc/systemd/system-preset/00-pve.preset") is None


def test_the_first_boot_of_a_fedora_applies_presets() -> None:
    tree = set_up({"etc/os-release": "ID=fedora\nVERSION_ID=41\n", "etc/machine-id": "0123\n"}, BOTH)
    assert "enable systemd-networkd.service\n" in (tree.read("etc/systemd/system-preset/00-pve.preset") or "")
    assert tree.read("etc/machine-id") == "uninitialized\n"


def test_a_getty_for_each_terminal() -> None:
    unit = "usr/lib/systemd/system/container-getty@.service"
    tree = MemoryTree({**DEBIAN, unit: "[Service]\n", "etc/securetty": "tty1"})
    apply(tree, Job(first=True, hostname="a", ttys=2))
    wants = "etc/systemd/system/getty.target.wants/container-getty@"
    assert [n for n in range(1, 7) if tree.is_link(f"{wants}{n}.service")] == [1, 2]
    assert (tree.read("etc/securetty") or "").startswith("tty1\nlxc/console\n")
    apply(tree, Job(first=False, hostname="a", ttys=1))
    assert [n for n in range(1, 7) if tree.is_link(f"{wants}{n}.service")] == [1]


def test_a_netplan_of_a_template_goes_before_our_files() -> None:
    files = {"etc/os-release": "ID=ubuntu\nVERSION_ID=24.04\n", "etc/netplan/10-lxc.yaml": "network:\n"}
    tree = set_up(files, BOTH)
    assert tree.read("etc/netplan/10-lxc.yaml") is None
    assert "Address = 192.0.2.5/24" in (tree.read("etc/systemd/network/eth0.network") or "")


def test_an_old_ubuntu_is_known_by_its_lsb_file() -> None:
    files = {"etc/lsb-release": "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=12.04\n", "etc/debian_version": "wheezy/sid\n"}
    assert distribution(MemoryTree(files)) == Distribution(name="ubuntu", version=(12, 4))
