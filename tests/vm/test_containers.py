"""Containers from our own template on an installed host, with control groups version 2 and AppArmor: on each kind of
storage, held to their limits, kept inside, and one in another where ``nesting`` says so.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from imagebuild.vm import Firmware

from tests.lib import escapes, linkgames, tinylinux
from tests.lib.apiclient import Api
from tests.lib.escapes import Surroundings
from tests.lib.waiting import eventually
from tests.vm.harness import LVM, Host, Images, Lab, plugged
from tests.vm.test_guests import DENIED

SLOW_S = 900
SPARE = ("ZFS", "GIVEN")
SPARE_GIB = 6
CELL, NEST, ROOM, FREE = 200, 201, 202, 203
"""A usual container, one with nesting, one with a device of the host, a privileged one."""
MIB = 1 << 20
OUTSIDE = "/root/outside"
GAME_ROUNDS = 150
# Profiles of containers deny what these tests try; nothing else may be denied.
DENIED_ELSEWHERE = f"{{ {DENIED}; }} | grep -v 'profile=\"lxc-' || true"
# What is the host's own and no container may change: names, modes, owners and contents.
_FIND = "find /etc /root /usr/local -xdev ! -name 'resolv.conf*' ! -path '/etc/lvm/*'"
HOST_FILES = rf"{_FIND} -printf '%p %m %U %G %l\n' | sort; {_FIND} -type f -exec sha256sum {{}} + | sort"
INNER = """
lxc.rootfs.path = dir:/var/lib/inner/rootfs
lxc.uts.name = inner
lxc.apparmor.profile = unchanged
lxc.net.0.type = empty
lxc.mount.auto = proc:mixed sys:ro
lxc.console.path = none
"""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the host sees of a container that runs: its first process and the folder of its control group."""

    pid: int
    group: str


class Site:
    """The installed host with storages of three kinds, and containers on it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.api: Api = host.api()
        self.node = f"/nodes/{self.api.node}"
        self.lxc = f"{self.node}/lxc"
        api = self.api
        zfs = {"devices": host.disk("ZFS"), "name": "pool", "raidlevel": "single", "add_storage": 1}
        api.wait(api.post(f"{self.node}/disks/zfs", **zfs), SLOW_S)
        api.put("/storage/local", content="images,rootdir,iso,vztmpl,backup,snippets,import")
        (self.template,) = [row["volid"] for row in api.get(f"{self.node}/storage/local/content", content="vztmpl")]

    def create(self, vmid: int, storage: str, **values: object) -> None:
        """From our template; running, its system up."""
        settings = {"rootfs": f"{storage}:2", "memory": 256, "swap": 64, "hostname": f"ct{vmid}", **values}
        begun = time.monotonic()
        self.api.wait(self.api.post(self.lxc, vmid=vmid, ostemplate=self.template, **settings), SLOW_S)
        print(f"CT {vmid} on {storage}: made in {time.monotonic() - begun:.0f} s")
        self.start(vmid)

    def start(self, vmid: int) -> None:
        begun = time.monotonic()
        self.api.wait(self.api.post(f"{self.lxc}/{vmid}/status/start"), SLOW_S)
        ready = "systemctl is-active multi-user.target || true"
        eventually(lambda: self.inside(vmid, ready).strip() == "active", 600)
        print(f"CT {vmid}: its system is up after {time.monotonic() - begun:.0f} s")

    def stop(self, vmid: int) -> None:
        self.api.wait(self.api.post(f"{self.lxc}/{vmid}/status/stop"), SLOW_S)

    def remove(self, vmid: int) -> None:
        """It and all that was made for it."""
        self.api.wait(self.api.delete(f"{self.lxc}/{vmid}?force=1"), SLOW_S)
        for storage in ("local", "local-lvm", "pool"):
            assert self.api.get(f"{self.node}/storage/{storage}/content", vmid=vmid) == [], storage
        assert self.host.ssh(f"ls -d /var/lib/lxc/{vmid} /run/hostd/ct/{vmid} 2>/dev/null || true") == ""
        assert self.host.ssh(f"grep '/lxc/{vmid}/' /proc/*/mountinfo 2>/dev/null || true") == ""

    def inside(self, vmid: int, script: str, *, timeout_s: float = 300) -> str:
        """What a shell script says that runs as the container's root; how it ended does not count."""
        attach = f"lxc-attach -n {vmid} --clear-env -- sh -c {shlex.quote(script)} 2>&1 || true"
        return self.host.ssh(attach, timeout_s=timeout_s)

    def seen(self, vmid: int) -> Seen:
        pid = int(self.host.ssh(f"lxc-info -n {vmid} -p -H"))
        path = self.host.ssh(f"cat /proc/{pid}/cgroup").strip()
        base, found, _ = path.removeprefix("0::").partition(f"/ct-{vmid}")
        assert found, path
        return Seen(pid=pid, group=f"/sys/fs/cgroup{base}{found}")

    def group(self, seen: Seen, name: str) -> str:
        return self.host.ssh(f"cat {seen.group}/{name}").strip()

    def device(self, path: str) -> str:
        """As mknod(1) takes it."""
        major, minor = self.host.ssh(f"stat -L -c '%Hr %Lr' {path}").split()
        return f"b {major} {minor}"


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, lab: Lab, images: Images) -> Iterator[Site]:
    """One host for all of these tests."""
    installed = lab.installed(images.iso, LVM, Firmware.BIOS)
    spec = lab.copy(installed, "containers", LVM, Firmware.BIOS, memory_mib=3072)
    spec = plugged(lab, spec, SPARE, SPARE_GIB)
    with lab.started(spec, "test_containers", lambda: request.session.testsfailed) as host:
        assert host.ssh("stat -f -c %T /sys/fs/cgroup").strip() == "cgroup2fs"
        assert host.ssh("cat /sys/module/apparmor/parameters/enabled").strip() == "Y"
        yield Site(host)
        assert host.ssh(DENIED_ELSEWHERE) == ""


@pytest.fixture(scope="module")
def cell(site: Site) -> Seen:
    """A container as it is made without further wishes, with an address of the bridge."""
    site.create(CELL, "local-lvm", net0="name=eth0,bridge=vmbr0,ip=dhcp")
    return site.seen(CELL)


@pytest.fixture(scope="module")
def nest(site: Site) -> Seen:
    site.create(NEST, "local-lvm", features="nesting=1", memory=512)
    return site.seen(NEST)


# --- on each kind of storage, and its limits


@pytest.mark.parametrize("storage", ["local", "local-lvm", "pool"])
def test_our_template_runs_within_its_limits(site: Site, storage: str) -> None:
    vmid, host = 100 + ["local", "local-lvm", "pool"].index(storage), site.host
    site.create(vmid, storage, cores=1, cpulimit=0.5, mp0=f"{storage}:1,mp=/data")
    seen = site.seen(vmid)
    assert site.group(seen, "memory.max") == str(256 * MIB)
    assert site.group(seen, "memory.swap.max") == str(64 * MIB)
    assert site.group(seen, "cpu.max") == "50000 100000"
    assert site.group(seen, "cpuset.cpus.effective") in ("0", "1")
    assert site.inside(vmid, "nproc").strip() == "1"
    assert site.inside(vmid, "grep MemTotal /proc/meminfo").split()[1] == str(256 * 1024)

    config = f"{site.lxc}/{vmid}/config"
    site.api.put(config, memory=384, swap=32, cpulimit=1.5, cpuunits=200, delete="cores")
    assert not [row for row in site.api.get(f"{site.lxc}/{vmid}/pending") if "pending" in row]
    assert site.group(seen, "memory.max") == str(384 * MIB)
    assert site.group(seen, "memory.swap.max") == str(32 * MIB)
    assert site.group(seen, "cpu.max") == "150000 100000"
    assert site.group(seen, "cpu.weight") == "200"
    assert site.inside(vmid, "nproc").strip() == "2"

    grow = 'perl -e \'my $held = "x" x (600 << 20); print "grew\\n"\'; echo ended $?'
    said = site.inside(vmid, grow, timeout_s=600)
    assert "grew" not in said
    assert "ended 137" in said
    assert site.seen(vmid).pid == seen.pid, "it lives on"

    # root inside is another one outside, and owns what it made there
    uids = host.ssh(f"grep ^Uid: /proc/{seen.pid}/status").split()[1:]
    assert uids == ["100000"] * 4
    site.inside(vmid, "touch /root/mine /data/mine")
    assert host.ssh(f"cd /proc/{seen.pid}/root; stat -c %u root/mine data/mine").split() == ["100000"] * 2
    profile = host.ssh(f"cat /proc/{seen.pid}/attr/current")
    assert profile.startswith(f"lxc-{vmid}_"), profile
    assert "(enforce)" in profile

    site.api.wait(site.api.post(f"{site.lxc}/{vmid}/status/shutdown", timeout=120), SLOW_S)
    site.start(vmid)
    assert "mine" in site.inside(vmid, "ls /data")
    site.remove(vmid)


# --- one in another


NESTED = (
    "unshare --user --map-root-user --pid --fork --kill-child --mount --uts --ipc --net --mount-proc "
    "sh -c 'hostname inner && echo \"$(hostname) $$ $(ls -d /proc/[0-9]* | wc -l)\"'"
)


def test_namespaces_in_a_container_take_nesting(site: Site, cell: Seen, nest: Seen) -> None:
    """A process in namespaces of its own, with a view of its processes alone, is all that programs for containers
    need; without ``nesting`` the very same is refused."""
    name, pid, processes = site.inside(NEST, NESTED).split()
    assert (name, pid) == ("inner", "1")
    assert int(processes) < 10
    refused = site.inside(CELL, f"{NESTED} && echo DONE")
    assert "DONE" not in refused
    assert "ermission denied" in refused or "not permitted" in refused, refused


def test_lxc_runs_a_container_in_a_container(site: Site, nest: Seen, tmp_path: Path) -> None:
    """LXC's own programs, from the host's packages, start a tiny system; the host sees its third level of processes."""
    host = site.host
    host.copy_in(tinylinux.build_template(tmp_path), "/root/tiny.tar.gz")
    host.ssh(
        "{ dpkg -L lxc $(dpkg-query -W -f '${Package}\\n' 'liblxc*'); "
        "ldd /usr/bin/lxc-start | sed -n 's|.* => \\(/[^ ]*\\) .*|\\1|p'; } | while read -r path; do "
        '[ -d "$path" ] || echo "$path"; done | sort -u > /root/lxc-files; '
        f"tar -C / -chf - -T /root/lxc-files | lxc-attach -n {NEST} -- tar -C / --skip-old-files -xf -; "
        f"lxc-attach -n {NEST} -- mkdir -p /var/lib/inner/rootfs /var/lib/inner/lxc; "
        f"lxc-attach -n {NEST} -- tar -C /var/lib/inner/rootfs -xzf - < /root/tiny.tar.gz; "
        f"printf '%s' {shlex.quote(INNER)} | lxc-attach -n {NEST} -- sh -c 'cat > /var/lib/inner/config'"
    )
    lxc = "-n inner -P /var/lib/inner/lxc"
    start = f"lxc-start -F {lxc} -f /var/lib/inner/config -o /root/log -l INFO"
    started = site.inside(NEST, f"systemd-run --unit inner -p Delegate=yes {start}")
    attach = f"lxc-attach {lxc} -- /bin/hostname"
    said = ""
    for _ in range(30):
        said = site.inside(NEST, attach)
        if said.strip() == "inner":
            break
        time.sleep(2)
    assert said.strip() == "inner", f"{started}{said}{site.inside(NEST, 'tail -40 /root/log; journalctl -u inner')}"
    pid = site.inside(NEST, f"lxc-info {lxc} -p -H").strip()
    assert site.inside(NEST, f"grep NSpid /proc/{pid}/status").split() == ["NSpid:", pid, "1"]
    levels = host.ssh("grep -hs ^NSpid: /proc/[0-9]*/status", check=False)  # some are gone by the time they are read
    assert [line for line in levels.splitlines() if line.split()[2:] == [pid, "1"]], levels
    site.inside(NEST, f"lxc-stop {lxc} --kill")


# --- kept inside


@pytest.fixture(scope="module")
def around(site: Site, cell: Seen, nest: Seen) -> Surroundings:
    """Devices and a process of the host that the attempts are about."""
    host = site.host
    host.ssh(f"cp /bin/sleep /root/{escapes.MARK} && systemd-run --unit {escapes.MARK} /root/{escapes.MARK} infinity")
    pid = int(host.ssh(f"systemctl show --property MainPID --value {escapes.MARK}"))
    other = host.ssh(f"findmnt -n -o SOURCE -N {nest.pid} /").strip()
    assert f"vm--{NEST}--disk" in other
    return Surroundings(disk=site.device("/dev/vda"), other=site.device(other), pid=pid)


@pytest.mark.parametrize("attempt", sorted(set(escapes.ATTEMPTS) - escapes.WITHOUT_CONTROL))
def test_the_hosts_root_can_do_what_is_tried(site: Site, around: Surroundings, attempt: str) -> None:
    """Else nobody would know whether an attempt fails because it is wrong."""
    said = site.host.ssh(escapes.script(attempt, around))
    assert escapes.SUCCESS in said, said


@pytest.mark.parametrize("vmid", [CELL, NEST], ids=["usual", "nesting"])
@pytest.mark.parametrize("attempt", escapes.ATTEMPTS)
def test_no_way_out(site: Site, around: Surroundings, attempt: str, vmid: int) -> None:
    said = site.inside(vmid, escapes.script(attempt, around))
    assert escapes.TRIED in said, said
    assert "not found" not in said, said
    assert escapes.SUCCESS not in said, said


def test_a_privileged_containers_root_is_held(site: Site, around: Surroundings) -> None:
    """It is the host's in all but what is tried here: for whom one trusts with the host."""
    site.create(FREE, "local-lvm", unprivileged=0)
    seen = site.seen(FREE)
    assert site.host.ssh(f"grep ^Uid: /proc/{seen.pid}/status").split()[1:] == ["0"] * 4
    said = {attempt: site.inside(FREE, escapes.script(attempt, around)) for attempt in escapes.PRIVILEGED}
    assert {attempt for attempt, text in said.items() if escapes.TRIED not in text or "not found" in text} == set()
    assert {attempt: text for attempt, text in said.items() if escapes.SUCCESS in text} == {}
    site.remove(FREE)


def test_devices_open_only_where_they_are_given(site: Site, around: Surroundings) -> None:
    """``dev0`` to read; a node that the host's root puts on the container's volume opens nothing."""
    given = site.host.disk("GIVEN")
    site.host.ssh(f"printf 'given to it' | dd of={given} conv=fsync")
    site.create(ROOM, "pool", dev0=f"{given},mode=0666,deny-write=1")
    seen = site.seen(ROOM)
    assert site.inside(ROOM, f"head -c 11 {given}") == "given to it"
    refused = site.inside(ROOM, f"chmod 666 {given}; printf x > {given} || echo REFUSED")
    assert "REFUSED" in refused
    assert "not permitted" in refused
    for path in ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom"):
        assert site.inside(ROOM, f"exec < {path} && echo opened") == "opened\n", path
    planted = f"/proc/{seen.pid}/root/root/planted"
    site.host.ssh(f"mknod {planted} {around.disk} && chmod 666 {planted}")
    said = site.inside(ROOM, "head -c 512 /root/planted | wc -c")
    assert "ermission denied" in said or "not permitted" in said, said
    assert said.endswith("0\n")
    site.remove(ROOM)


# --- links that lead out


@pytest.fixture(scope="module")
def outside(site: Site) -> str:
    secret = shlex.quote(linkgames.SECRET.decode())
    site.host.ssh(f"mkdir -m 700 {OUTSIDE}; printf '%s' {secret} > {OUTSIDE}/secret; chmod 600 {OUTSIDE}/secret")
    return OUTSIDE


def begin(site: Site, vmid: int, script: str) -> None:
    """Have a container do something all the time until it stops."""
    site.inside(vmid, f"setsid sh -c {shlex.quote(script)} >/dev/null 2>&1 </dev/null & echo begun")


def test_swapped_links_while_files_are_copied(site: Site, cell: Seen, outside: str) -> None:
    begin(site, CELL, linkgames.swapping(outside))
    source = shlex.quote(Path(linkgames.__file__).read_text())
    arguments = f"{cell.pid} {outside} /root {GAME_ROUNDS}"
    played = json.loads(site.host.ssh(f"printf '%s' {source} | python3 - {arguments}", timeout_s=1800))
    print(played)
    assert (played["stolen"], played["changed"]) == (0, "")
    assert played["pulled"] > 0
    assert played["pushed"] > 0
    assert played["refused"] > 0, "no link was ever in the way"
    site.inside(CELL, "pkill -f '[g]ame/real'; rm -rf /game")


def test_links_in_the_place_of_files_that_are_set(site: Site, cell: Seen, outside: str) -> None:
    """What a start brings up to date are links to the host's own; what they mean is the container's."""
    before = site.host.ssh(HOST_FILES)
    site.inside(
        CELL,
        f"ln -sf {outside}/secret /etc/hostname; ln -sf ../../../../../..{outside}/new /etc/resolv.conf; "
        f"ln -sf {outside}/secret /etc/hosts; mv /etc/network /etc/network.old; ln -s {outside} /etc/network; "
        f"ln -sf {outside}/zone /etc/localtime; ln -s {outside} /srv/data; sync",
    )
    site.stop(CELL)
    place = f"{site.lxc}/{CELL}/config"
    site.api.put(place, hostname="renamed", nameserver="192.0.2.53", net0="name=eth0,bridge=vmbr0,ip=192.0.2.9/24")
    site.start(CELL)
    assert site.inside(CELL, "hostname").strip() == "renamed"
    assert "192.0.2.53" in site.inside(CELL, "cat /etc/resolv.conf")
    assert site.host.ssh(HOST_FILES) == before

    # a mount point behind a link is refused; a look at its files by hand goes where the container would
    site.stop(CELL)
    site.api.put(place, mp0="local-lvm:1,mp=/srv/data/deep")
    said = site.api.wait(site.api.post(f"{site.lxc}/{CELL}/status/start"), SLOW_S, ok=False)
    assert "is a link inside" in said
    site.host.ssh(f"pct mount {CELL}")
    targets = site.host.ssh(f"findmnt -rn -o TARGET | grep /lxc/{CELL}/").split()
    assert targets == [f"/var/lib/lxc/{CELL}/rootfs", f"/var/lib/lxc/{CELL}/rootfs{outside}/deep"]
    site.host.ssh(f"pct unmount {CELL}")
    assert site.host.ssh(HOST_FILES) == before
    site.host.ssh(f"pct set {CELL} --delete mp0")
    site.start(CELL)


def test_a_neighbour_swaps_folders_during_a_start(site: Site, cell: Seen, outside: str) -> None:
    """Both have a folder of the host; the one that runs moves links to where the other one's volume is to be."""
    host, node = site.host, site.lxc
    before = host.ssh(HOST_FILES)
    host.ssh("mkdir -p /srv/shared && chown 100000:100000 /srv/shared")
    site.create(ROOM, "local-lvm")
    site.stop(ROOM)
    site.stop(CELL)
    for vmid in (CELL, ROOM):
        site.api.put(f"{node}/{vmid}/config", mp1="/srv/shared,mp=/mnt/shared")
    site.api.put(f"{node}/{ROOM}/config", mp2="local-lvm:1,mp=/mnt/shared/part/deep")
    site.start(CELL)
    swap = f"cd /mnt/shared; while :; do mkdir part; mv -T part away; ln -s {outside} part; rm -r part away; done"
    begin(site, CELL, swap)
    ended = []
    for _ in range(6):
        ended.append(site.api.wait(site.api.post(f"{node}/{ROOM}/status/start"), SLOW_S, ok=False))
        assert host.ssh(f"ls {outside}") == "secret\n"
        site.api.wait(site.api.post(f"{node}/{ROOM}/status/stop"), SLOW_S, ok=False)
    print(ended)
    assert host.ssh(HOST_FILES) == before
    site.inside(CELL, "pkill -f '[m]nt/shared'")
    site.stop(CELL)
    site.host.ssh(f"pct set {CELL} --delete mp1")
    site.remove(ROOM)
    site.start(CELL)


# --- what the documentation says


def test_the_commands_of_the_documentation(site: Site) -> None:
    """docs/containers.md, "Its volumes" and "From the shell"; on thin volumes and on the pool."""
    host, vmid = site.host, 110
    assert site.template in host.ssh("pveam list local")
    host.ssh(f"pct create {vmid} {site.template} --rootfs local-lvm:2 --hostname web --memory 256", timeout_s=SLOW_S)
    site.start(vmid)
    assert "web" in host.ssh("pct list")
    assert "etc" in host.ssh(f"pct exec {vmid} -- ls -l /")
    host.ssh(f"echo pushed > /root/file; pct push {vmid} /root/file /root/file --perms 600")
    assert host.ssh(f"pct exec {vmid} -- stat -c '%a %U' /root/file") == "600 root\n"
    host.ssh(f"pct pull {vmid} /etc/hostname /root/name")
    assert host.ssh("cat /root/name") == "web\n"
    assert "rootfs" in host.ssh(f"pct df {vmid}")
    assert "trimmed" in host.ssh(f"pct fstrim {vmid}")
    assert f"{vmid}: all" in host.ssh("pct cpusets")
    assert f"hostd-ct@{vmid}" in host.ssh(f"systemctl status hostd-ct@{vmid}")

    size = "df --output=size -B1 / | tail -1"
    before = int(site.inside(vmid, size))
    host.ssh(f"pct resize {vmid} rootfs +1G", timeout_s=SLOW_S)
    assert int(site.inside(vmid, size)) - before > 800 * MIB
    host.ssh(f"pct snapshot {vmid} before", timeout_s=SLOW_S)
    site.inside(vmid, "rm /root/file; sync")
    host.ssh(f"pct rollback {vmid} before", timeout_s=SLOW_S)
    assert "pushed" in _look(host, vmid, "root/file")
    host.ssh(f"pct delsnapshot {vmid} before", timeout_s=SLOW_S)
    host.ssh(f"pct fsck {vmid} --force", timeout_s=SLOW_S)
    host.ssh(f"pct clone {vmid} 111 --full 1 --storage local", timeout_s=SLOW_S)
    host.ssh(f"pct move-volume {vmid} rootfs pool --delete 1", timeout_s=SLOW_S)
    assert "pushed" in _look(host, vmid, "root/file")
    host.ssh(f"pct template {vmid}; pct clone {vmid} 112", timeout_s=SLOW_S)
    site.start(112)
    assert site.inside(112, "cat /root/file") == "pushed\n"
    assert host.ssh("zfs get -H -o value origin $(zfs list -H -o name | grep subvol-112)").startswith(
        "pool/basevol-110"
    )
    for made in (112, 111, vmid):
        site.remove(made)


def _look(host: Host, vmid: int, path: str) -> str:
    """A file of a container that is off, by hand."""
    shown = f"cat /var/lib/lxc/{vmid}/rootfs/{path}"
    return host.ssh(f"pct mount {vmid} >/dev/null; {shown}; pct unmount {vmid} >/dev/null")
