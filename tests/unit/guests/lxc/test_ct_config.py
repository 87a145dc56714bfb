"""Containers' files: keys, property strings, what is refused, and the LXC configuration made from them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.core.errors import Conflict, HostError, Invalid, ParseError, Unsupported
from hostd.core.formats.keyvalue import LXC_PENDING, GuestFile, format_guest, parse_guest
from hostd.guests.lxc import (
    cgroups,
    config,
    devices,
    identities,
    idmap,
    live,
    mounts,
    netplug,
    network,
    plan,
    runtime_config,
)
from hostd.guests.lxc.devices import Node
from hostd.guests.lxc.facts import NodeFacts, choose_cpus

V2 = NodeFacts(cgroup_version=2, apparmor=True, swap_limit=True, cpus=(0, 1, 2, 3))
V1 = NodeFacts(cgroup_version=1, apparmor=False, swap_limit=True, cpus=(0, 1))
CASES: dict[str, NodeFacts] = {
    "minimal": V2,
    "everything": V2,
    "old-cgroups": V1,
    "no-swap-limit": NodeFacts(cgroup_version=1, apparmor=False, swap_limit=False, cpus=(0, 1)),
}
GOLDEN = Path(__file__).resolve().parents[3] / "golden/lxc"


def container(text: str, vmid: int = 100) -> config.Container:
    return config.parse_container(vmid, parse_guest(text, pending=LXC_PENDING))


@pytest.mark.parametrize("name", CASES)
def test_generated_configuration(name: str, golden: Callable[[str, str], None]) -> None:
    text = (GOLDEN / f"{name}.conf").read_text()
    found = container(text)
    nodes = [Node(device=device, kind="c", major=188, minor=n) for n, device in enumerate(found.devices)]
    source = "/etc/pve/nodes/pve1/lxc/100.conf"
    made = runtime_config.render(found, CASES[name], source=source, nodes=nodes)
    golden(f"lxc/{name}.lxc", made)


def test_only_in_its_own_file_system_lxc_makes_folders() -> None:
    text = "rootfs: a1:b\nmp0: a1:c,mp=/srv/deep\nmp1: a1:d,mp=/dev/shm/deep,ro=1\n"
    made = runtime_config.render(container(text), V2, source="x")
    assert " srv/deep none bind 0 0\n" in made
    assert " dev/shm/deep none bind,create=dir,ro 0 0\n" in made


def test_every_key_that_means_something_is_in_a_golden_case() -> None:
    """Keys without effect on LXC's configuration are named here; every other one has a case that shows its effect."""
    without = {
        "description", "tags", "onboot", "startup", "protection", "lock", "template", "hookscript", "debug", "ostype",
        "timezone", "cmode", "searchdomain", "nameserver", "unused",
    }  # fmt: skip
    used = {
        key.rstrip("0123456789") for name in CASES for key in parse_guest((GOLDEN / f"{name}.conf").read_text()).current
    }
    assert set(config.OPTIONS.options) - without <= used


def test_recorded_files_are_written_back(shared: Path) -> None:
    for family in ("ct-config-rewrite", "ct-config-rewrite-own"):
        cases = json.loads((shared / "conformance/guest-config/cases" / f"{family}.json").read_text())["cases"]
        for case in cases:
            file = config.without_forbidden(parse_guest(case["input"]["text"], pending=LXC_PENDING))
            text = format_guest(file, pending=LXC_PENDING)
            assert text.strip("\n").split("\n") == case["expect"]["ok"].strip("\n").split("\n"), case["name"]


def test_defaults() -> None:
    found = container("rootfs: local:100/vm-100-disk-0.raw,size=4G\n")
    assert (found.hostname, found.memory_bytes, found.swap_bytes) == ("CT100", 512 << 20, 512 << 20)
    assert (found.unprivileged, found.ttys, found.console, found.cores) == (False, 2, True, 0)
    assert found.mounts[0].size_bytes == 4 << 30


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("features: mknod=1", "mknod"),
        ("mp0: local:100/vm-100-disk-1.raw,mp=/srv,quota=1", "quota"),
        ("mp0: local:100/vm-100-disk-1.raw,mp=/srv,keepattrs=1", "keepattrs"),
        ("net0: name=eth0,bridge=vmbr0,host-managed=1,ip=dhcp", "host-managed"),
        ("net0: name=eth0,bridge=vmbr0,trunks=1;2", "trunks"),
        ("rootfs: /srv/root", "rootfs"),
    ],
)
def test_what_we_cannot_give_stops_a_start(line: str, word: str) -> None:
    with pytest.raises(Unsupported, match=word):
        container(f"{'' if word == 'rootfs' else 'rootfs: local:100/vm-100-disk-0.raw'}\n{line}\n")
    # the same keys switched off are no reason
    container("rootfs: local:100/vm-100-disk-0.raw\nfeatures: mknod=0,nesting=1\nnet0: name=eth0,host-managed=0\n")


def test_broken_values_name_the_container() -> None:
    with pytest.raises(ParseError, match="CT 100"):
        container("memory: lots\n")
    with pytest.raises(Unsupported, match="riscv64"):
        runtime_config.render(container("arch: riscv64\nrootfs: a1:b\n"), V2, source="x")
    with pytest.raises(Conflict, match="net0"):
        runtime_config.render(container("rootfs: a1:b\nnet0: name=eth0,bridge=vmbr0\n"), V2, source="x")


@pytest.mark.parametrize(
    ("key", "value", "ok"),
    [
        ("net0", "name=eth0,bridge=vmbr0,ip=192.0.2.1/24,gw=192.0.2.254,ip6=auto", True),
        ("net0", "bridge=vmbr0", False),
        ("net0", "name=eth0,ip=192.0.2.1", False),
        ("net0", "name=eth0,ip=2001:db8::1/64", False),
        ("net0", "name=eth0,ip6=192.0.2.1/24", False),
        ("net0", "name=eth0,hwaddr=01:00:00:00:00:00", False),
        ("net0", "name=eth0\nlxc.hook.start=x", False),
        ("mp0", "local:8,mp=/data", True),
        ("mp0", "local:8", False),
        ("mp0", "local:8,mp=/data/../etc", False),
        ("rootfs", "local:8,mountoptions=noatime;discard", True),
        ("rootfs", "local:8,mountoptions=exec", False),
        ("hostname", "web-1.example.org", True),
        ("hostname", "web_1", False),
        ("nameserver", "192.0.2.1 2001:db8::1 fe80::1%eth0", True),
        ("nameserver", "192.0.2.1%eth0", False),
        ("timezone", "Europe/Vienna", True),
        ("timezone", "../../etc/shadow", False),
        ("env", "A=1\0B=two words", True),
        ("env", "A=1\nlxc.hook=x", False),
        ("entrypoint", "/bin/sh -c x", True),
        ("features", "nesting=1,keyctl=yes", True),
        ("features", "root=1", False),
        ("tags", "a;b,c", True),
        ("cores", "0", False),
        ("unprivileged", "yes", False),
    ],
)
def test_values(key: str, value: str, ok: bool) -> None:
    assert (key not in config.OPTIONS.errors({key: value})) == ok


def test_plans_name_what_is_to_be_made() -> None:
    values = {"mp10": "fast:0.5,mp=/b", "mp2": "local:0,mp=/a", "rootfs": "local:8,ro=0", "net0": "name=eth0"}
    made = plan.plan_values(values)
    assert [(new.point.key, new.storage, new.size_bytes) for new in made.new] == [
        ("rootfs", "local", 8 << 30), ("mp2", "local", 0), ("mp10", "fast", 512 << 20),
    ]  # fmt: skip
    assert made.values == values
    assert plan.storages(values) == {"local", "fast"}
    again = plan.plan_values({"rootfs": "local:100/vm-100-disk-0.raw,size=8G"})
    assert not again.new
    assert str(again.existing["rootfs"]) == "local:100/vm-100-disk-0.raw"
    with pytest.raises(Invalid) as caught:
        plan.plan_values({"mp2": "/srv,mp=/srv", "mp0": "/x,mp=/", "net0": "ip=dhcp", "mp1": "local:1,mp=/"})
    assert set(caught.value.errors) == {"mp0", "mp1", "net0"}


def test_sizes_are_whole_mebibytes() -> None:
    made = plan.plan_values({"rootfs": "local:0.1"})
    assert made.new[0].size_bytes == 103 << 20


def test_first_values() -> None:
    assert plan.first_values({"memory": "64"}, vmid=7, ostype="alpine", arch="arm64") == {
        "memory": "64", "swap": "512", "hostname": "CT7", "ostype": "alpine", "arch": "arm64",
    }  # fmt: skip
    assert plan.first_values({}, vmid=7)["arch"] == "amd64"


def test_owned_volumes() -> None:
    assert mounts.owned_volume("rootfs", "local:100/vm-100-disk-0.raw,size=1G", 100) == "local:100/vm-100-disk-0.raw"
    assert mounts.owned_volume("mp3", "tank:subvol-100-disk-1,mp=/x", 100) == "tank:subvol-100-disk-1"
    assert mounts.owned_volume("unused0", "tank:subvol-100-disk-1", 100) == "tank:subvol-100-disk-1"
    assert mounts.owned_volume("rootfs", "local:101/vm-101-disk-0.raw", 100) == ""
    assert mounts.owned_volume("rootfs", "local:8", 100) == ""
    assert mounts.owned_volume("mp0", "/srv,mp=/srv", 100) == ""
    assert mounts.owned_volume("net0", "name=eth0", 100) == ""


def test_a_volume_takes_the_place_of_a_wish() -> None:
    point = mounts.parse_mount("mp0", "local:8,mp=data/,ro=1,mountoptions=noatime")
    assert point.target == "/data"
    assert point.options == ["noatime", "ro"]
    from hostd.storage.volume import VolumeId

    placed = point.with_volume(VolumeId("local", "100/vm-100-disk-1.raw"), 8 << 30)
    assert placed.text() == "local:100/vm-100-disk-1.raw,mountoptions=noatime,mp=data/,ro=1,size=8G"


def test_processors_are_those_that_fewest_others_have() -> None:
    busy = NodeFacts(cgroup_version=2, apparmor=False, swap_limit=True, cpus=(0, 1, 2, 3), busy_cpus=(0, 0, 1, 3))
    assert choose_cpus(busy, 2) == (1, 2)
    assert choose_cpus(busy, 1) == (2,)
    assert choose_cpus(busy, 4) == ()
    assert choose_cpus(busy, 0) == ()


def test_device_names_fit() -> None:
    assert network.device_name(100, 0) == "veth100i0"
    long = network.device_name(999_999_999, 31)
    assert len(long) <= 15
    assert network.device_owner(long) == 999_999_999
    assert network.device_owner("veth100i3") == 100
    assert network.device_owner("vethABC") is None


def test_unknown_keys_and_raw_lines_survive() -> None:
    file = GuestFile(current={"frob": "1"}, raw=(("lxc.cap.drop", "sys_admin"), ("lxc.rootfs.path", "/x")))
    assert format_guest(config.without_forbidden(file), pending=LXC_PENDING) == "frob: 1\nlxc.cap.drop: sys_admin\n"


OWN_MAP = (
    "unprivileged: 1\nlxc.idmap: u 0 100000 1000\nlxc.idmap: u 1000 1000 1\nlxc.idmap: u 1001 101001 64535\n"
    "lxc.idmap: g 0 100000 65536\n"
)


def test_a_map_of_ids_of_its_own_stands_in_place_of_the_usual_one() -> None:
    made = runtime_config.render(container(OWN_MAP), V2, source="x")
    lines = [line for line in made.splitlines() if line.startswith("lxc.idmap")]
    assert lines == [f"lxc.idmap = {v}" for v in ("u 0 100000 1000", "u 1000 1000 1", "u 1001 101001 64535",
                                                  "g 0 100000 65536")]  # fmt: skip
    both = container("unprivileged: 1\nlxc.idmap: b 0 100000 65536\n")
    assert both.idmap == idmap.USUAL == container("unprivileged: 1\n").idmap
    assert container("").idmap == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lxc.idmap: u 0 100000 65536\n", "needs 'unprivileged: 1'"),
        ("unprivileged: 1\nlxc.idmap: u 0 100000\n", "expected 'u', 'g' or 'b'"),
        ("unprivileged: 1\nlxc.idmap: b 0 100000 0\n", "leaves the ids"),
        ("unprivileged: 1\nlxc.idmap: b 0 4294967000 1000\n", "leaves the ids"),
        ("unprivileged: 1\nlxc.idmap: b 0 100000 1000\nlxc.idmap: u 999 200000 1\n", "share ids inside"),
        ("unprivileged: 1\nlxc.idmap: b 0 100000 1000\nlxc.idmap: g 5000 100999 1\n", "share ids on the host"),
        ("unprivileged: 1\nlxc.idmap: b 0 0 65536\n", "must be 100000"),
        ("unprivileged: 1\nlxc.idmap: u 0 100000 65536\n", "id 0 ('g')"),
    ],
)
def test_a_map_of_ids_that_cannot_be_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises((Conflict, ParseError), match=re.escape(words)):
        container(text)


def test_a_map_needs_the_hosts_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "read_text", lambda path: "root:100000:65536\n")
    identities.require_reserved(container("unprivileged: 1\n").idmap)
    with pytest.raises(Conflict, match=re.escape("usermod --add-subuids 1000-1000 root")):
        identities.require_reserved(container(OWN_MAP).idmap)


def test_devices_are_looked_up_and_owned(tmp_path: Path) -> None:
    found = devices.devices({"dev0": "/dev/null,mode=0600,uid=5,gid=6,deny-write=1", "dev3": "path=/dev/zero"})
    nodes = devices.look_up(found)
    assert [node.rule() for node in nodes] == ["c 1:3 r", "c 1:5 rw"]
    assert (found[0].mode, found[0].user, found[0].group, found[1].mode) == (0o600, 5, 6, 0o660)
    with pytest.raises(Conflict, match="is not there"):
        devices.look_up(devices.devices({"dev0": "/dev/no-such-thing"}))
    with pytest.raises(Conflict, match="is no device"):
        devices.look_up(devices.devices({"dev0": "/dev/pts"}))
    with pytest.raises(Invalid):
        devices.devices({"dev0": "/dev/../etc/shadow"})
    with pytest.raises(Conflict, match="no path of a device"):
        devices.devices({"dev0": "mode=0600"})
    assert idmap.outside(idmap.USUAL, "g", 20) == 100_020
    assert idmap.outside((), "g", 20) == 20
    with pytest.raises(Conflict, match="id 70000"):
        idmap.outside(idmap.USUAL, "u", 70_000)


def test_limits_of_a_running_container() -> None:
    plain = container("memory: 64\nswap: 0\n")
    assert "cpu.max" not in runtime_config.limits(plain, V2)
    live = runtime_config.limits(plain, V2, live=True)
    assert (live["cpu.max"], live["cpuset.cpus"], live["memory.max"]) == ("max 100000", "0,1,2,3", 64 << 20)
    assert runtime_config.limits(plain, V1, live=True)["cpu.cfs_quota_us"] == -1


def test_limits_are_written_in_an_order_that_the_kernel_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 1: a limit of memory is below that of memory with swap at every moment."""
    limits = {"memory.limit_in_bytes": 100, "memory.memsw.limit_in_bytes": 200}

    def set_one(groups: object, name: str, value: str) -> None:
        after = {**limits, name: int(value)}
        if after["memory.limit_in_bytes"] > after["memory.memsw.limit_in_bytes"]:
            raise OSError(22, "Invalid argument")
        limits.update(after)

    monkeypatch.setattr(live, "_write", set_one)
    groups = cgroups.Groups(vmid=100, hierarchies=cgroups.Hierarchies(version=1), base={})
    for wanted in ({"memory.limit_in_bytes": 300, "memory.memsw.limit_in_bytes": 400},
                   {"memory.memsw.limit_in_bytes": 20, "memory.limit_in_bytes": 10}):  # fmt: skip
        live.write(groups, wanted)
        assert limits == wanted
    with pytest.raises(HostError, match=r"memory\.limit_in_bytes cannot become 99: Invalid argument"):
        live.write(groups, {"memory.limit_in_bytes": 99})


def card(text: str) -> network.Nic:
    return network.parse_nic("net1", f"name=eth1,hwaddr=02:00:00:00:00:09,{text}")


def said(before: network.Nic | None, after: network.Nic | None) -> list[str]:
    return [" ".join(argv).replace("nsenter --net=/proc/7/ns/net -- ip", "inside") for argv in netplug.plan(
        100, 7, before, after)]  # fmt: skip


def test_a_card_comes_and_goes() -> None:
    wanted = card("bridge=vmbr0,tag=5,ip=192.0.2.5/24,gw=198.51.100.1,ip6=auto")
    assert said(None, wanted) == [
        "ip link add name veth100i1 type veth peer name vp100i1 address 02:00:00:00:00:09",
        "ip link set dev veth100i1 master vmbr0",
        "bridge vlan delete dev veth100i1 vid 1",
        "bridge vlan add dev veth100i1 vid 5 pvid untagged",
        "ip link set dev vp100i1 netns 7 name eth1",
        "ip link set dev veth100i1 up",
        "inside link set dev eth1 up",
        "inside -4 address replace 192.0.2.5/24 dev eth1",
        "inside -4 route replace 198.51.100.1 dev eth1 proto static",
        "inside -4 route replace default via 198.51.100.1 dev eth1 proto static",
    ]
    assert said(wanted, None) == ["ip link delete dev veth100i1"]
    assert said(wanted, wanted) == said(None, None) == []


def test_a_card_changes_in_place_where_it_can() -> None:
    before = card("bridge=vmbr0,ip=dhcp")
    assert said(before, card("bridge=vmbr1,ip=dhcp,link_down=1")) == [
        "ip link set dev veth100i1 nomaster",
        "ip link set dev veth100i1 master vmbr1",
        "ip link set dev veth100i1 down",
        "inside link set dev eth1 down",
    ]
    assert said(before, card("bridge=vmbr0,ip=192.0.2.5/24")) == [
        "inside -4 address flush dev eth1 scope global",
        "inside -4 route flush dev eth1 proto static",
        "inside -4 address replace 192.0.2.5/24 dev eth1",
    ]
    other = network.parse_nic("net1", "name=lan,hwaddr=02:00:00:00:00:09,bridge=vmbr0")
    assert said(before, other)[0] == "ip link delete dev veth100i1"
    assert said(before, card("bridge=vmbr0,ip=dhcp,rate=5")) == []


def test_a_mount_point_lies_in_the_deepest_folder_around_it() -> None:
    config = {"rootfs": "aa:x", "mp0": "aa:x,mp=/data//", "mp1": "aa:x,mp=data/more", "mp2": "aa:x,mp=/database"}
    root, data, more, other = mounts.mount_points(config)
    points = (root, data, more, other)
    assert data.target == "/data"
    assert [mounts.around(one, points).key for one in points[1:]] == ["rootfs", "mp0", "rootfs"]
    assert mounts.below(more, data) == "/more"
    assert mounts.below(other, root) == "/database"
