"""Running a plan, telling about it, finding the answer file, the command line, and facts about machines."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import EXAMPLES, MINIMAL, ROOT

from hostd.core.errors import Conflict, NotFound, ParseError
from hostd.core.run import Result
from installer import actions, answer_manual, dhcp, execute, find_answer, main, probe
from installer.actions import Plan, Stage
from installer.execute import PERFORM, Pause, PausePoint, parse_pause_point
from installer.machine import Holder, Machine, NetworkFacts, Nic, Route
from installer.report import LogHandler, Report


def nothing(argv: Sequence[Any], **_: Any) -> Result:
    return Result(argv=[str(a) for a in argv], code=0, stdout="", stderr="")


@dataclass(frozen=True, kw_only=True)
class Note:
    text: str

    def describe(self) -> str:
        return f"note {self.text}"


@pytest.fixture
def report(tmp_path: Path) -> Iterator[tuple[Report, io.StringIO]]:
    console = io.StringIO()
    made = Report(console, tmp_path / "log", tmp_path / "run/status.json", clock=lambda: 0.0)
    yield made, console
    made.close()


def status(tmp_path: Path) -> dict[str, object]:
    tree: dict[str, object] = json.loads((tmp_path / "run/status.json").read_text())
    return tree


PLAN = Plan(
    stages=(
        Stage(name="prepare", title="First", weight=40, actions=(Note(text="a"), Note(text="b"))),
        Stage(name="unpack", title="Second", weight=60, actions=(Note(text="c"),)),
    )
)


def test_every_action_has_a_function() -> None:
    kinds = {
        kind
        for name, kind in vars(actions).items()
        if isinstance(kind, type) and hasattr(kind, "describe") and name not in ("Action", "Plan")
    }
    assert kinds == set(PERFORM)


def test_a_plan_is_run_in_order(
    tmp_path: Path, report: tuple[Report, io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(execute, "PERFORM", {Note: lambda ctx, action: done.append(action.text)})
    pause = Pause(at=None, go_on=tmp_path / "go")
    execute.execute(PLAN, run=nothing, target=tmp_path, report=report[0], pause=pause)
    report[0].done("Holdfast is installed.")
    assert done == ["a", "b", "c"]
    lines = report[1].getvalue().splitlines()
    assert lines[0] == "[  0%] prepare: First"
    assert lines[-1] == "[100%] Holdfast is installed."
    assert "note b" in (tmp_path / "log").read_text()
    assert status(tmp_path)["state"] == "done"


def test_a_pause_waits_for_its_file(
    tmp_path: Path, report: tuple[Report, io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def act(ctx: object, action: Note) -> None:
        seen.append(action.text)

    def sleep(_: float) -> None:
        seen.append(f"paused: {status(tmp_path)['state']} at {status(tmp_path)['stage']}")
        (tmp_path / "go").touch()

    monkeypatch.setattr(execute, "PERFORM", {Note: act})
    monkeypatch.setattr(execute.time, "sleep", sleep)
    pause = Pause(at=PausePoint(stage="prepare", actions=1), go_on=tmp_path / "go")
    execute.execute(PLAN, run=nothing, target=tmp_path, report=report[0], pause=pause)
    assert seen == ["a", "paused: paused at prepare", "b", "c"]
    assert not (tmp_path / "go").exists()


def test_pause_points() -> None:
    assert parse_pause_point("format") == PausePoint(stage="format")
    assert parse_pause_point("format+3") == PausePoint(stage="format", actions=3)
    for bad in ("", "nowhere", "format+", "format-1"):
        with pytest.raises(ParseError):
            parse_pause_point(bad)


def test_failure_is_told(tmp_path: Path, report: tuple[Report, io.StringIO]) -> None:
    report[0].stage("unpack", "x", start=10, weight=50)
    report[0].fraction(0.5)
    report[0].failed("one\ntwo")
    assert "INSTALLATION FAILED at stage unpack:\n  one\n  two\n" in report[1].getvalue()
    tree = {"pid": os.getpid(), "state": "failed", "stage": "unpack", "percent": 35, "message": "one\ntwo"}
    assert status(tmp_path) == tree


def test_log_of_programs(tmp_path: Path, report: tuple[Report, io.StringIO]) -> None:
    logger = logging.Logger("x")
    logger.addHandler(LogHandler(report[0]))
    logger.debug("run: %s", "wipefs /dev/vda")
    assert (tmp_path / "log").read_text() == "1970-01-01 00:00:00 run: wipefs /dev/vda\n"
    assert report[1].getvalue() == ""


def test_answer_on_the_medium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "answer.toml").write_text("medium")
    (tmp_path / "other.toml").write_text("named")
    assert find_answer.find_answer(nothing, "quiet", tmp_path)[0] == "medium"
    assert find_answer.find_answer(nothing, "holdfast.answer=/other.toml", tmp_path)[0] == "named"
    with pytest.raises(NotFound, match=r"gone\.toml"):
        find_answer.find_answer(nothing, "holdfast.answer=/gone.toml", tmp_path)
    (tmp_path / "answer.toml").unlink()
    monkeypatch.setattr(find_answer, "labelled_partitions", lambda: [("/dev/sdb1", "holdfast-ais")])
    monkeypatch.setattr(find_answer, "MOUNT", tmp_path / "mnt")
    with pytest.raises(NotFound, match="HOLDFAST-AIS"):
        find_answer.find_answer(nothing, "", tmp_path)
    (tmp_path / "mnt/answer.toml").write_text("labelled")
    assert find_answer.find_answer(nothing, "", tmp_path) == (
        "labelled",
        "answer.toml on /dev/sdb1 (holdfast-ais)",
    )


def test_labels() -> None:
    found = [("/dev/sdb1", "Proxmox-ais"), ("/dev/sdc1", "holdfast-AIS"), ("/dev/sdd1", "HOLDFAST")]
    assert [device for device, _ in find_answer.match_labels(found)] == ["/dev/sdc1", "/dev/sdb1"]


LEASES = """\
lease {
  interface "enp0s2";
  fixed-address 10.0.2.99;
}
lease {
  interface "enp0s2";
  fixed-address 10.0.2.15;
  option subnet-mask 255.255.255.0;
  option routers 10.0.2.2;
  option domain-name-servers 10.0.2.3, 10.0.2.4;
  option host-name "vm";
  option domain-name "lan.example";
  renew 4 2026/01/01 00:00:00;
}
"""


def test_leases() -> None:
    lease = dhcp.parse_leases(LEASES)
    assert lease == dhcp.Lease(
        address="10.0.2.15/24",
        router="10.0.2.2",
        dns_servers=("10.0.2.3", "10.0.2.4"),
        domain="lan.example",
        hostname="vm",
    )
    assert dhcp.parse_leases("") is None
    with pytest.raises(ParseError):
        dhcp.parse_leases("lease {\n}\n")


def test_facts_from_leases() -> None:
    nics = (Nic(name="b", mac="", index=3), Nic(name="a", mac="", index=5), Nic(name="c", mac="", index=2))
    lease = dhcp.Lease(address="10.0.2.15/24", router="10.0.2.2")
    facts = dhcp.with_leases(NetworkFacts(nics=nics), {"c": dhcp.Lease(address="10.9.0.1/8"), "a": lease, "b": lease})
    assert facts.gateway4 == Route(dev="b", gateway="10.0.2.2")
    assert [nic.addresses for nic in facts.nics] == [("10.0.2.15/24",), ("10.0.2.15/24",), ("10.9.0.1/8",)]
    assert dhcp.with_leases(facts, {}) == facts


def test_ipv6_output() -> None:
    assert dhcp.parse_default_routes('[{"dst":"default","gateway":"fe80::1","dev":"eno1"},{"dev":"x"}]') == [
        Route(dev="eno1", gateway="fe80::1")
    ]
    addresses = '[{},{"ifname":"eno1","addr_info":[{"local":"2001:db8::5","prefixlen":64},{}]}]'
    assert dhcp.parse_addresses(addresses) == {"eno1": ("2001:db8::5/64",)}
    assert dhcp.parse_default_routes("") == []
    for parse in (dhcp.parse_default_routes, dhcp.parse_addresses):
        with pytest.raises(ParseError):
            parse("{")


def disk(sys: Path, name: str, sectors: int = 2048, **files: str) -> dict[str, str]:
    folder = sys / "devices/block" / name
    (folder / "queue").mkdir(parents=True)
    (sys / "class/block").mkdir(parents=True, exist_ok=True)
    (sys / "class/block" / name).symlink_to(folder)
    for file, text in {"size": str(sectors), "ro": "0", "queue/logical_block_size": "512", **files}.items():
        (folder / file).write_text(f"{text}\n")
    return {"sys_name": name, "DEVTYPE": "disk", "DEVNAME": f"/dev/{name}"}


def test_disks_that_can_be_written(tmp_path: Path) -> None:
    names = "nvme10n1 nvme2n1 sda loop0 sr0 dm-0 zram0 md0 mmcblk0boot0"
    blocks = [disk(tmp_path, name) for name in names.split()]
    blocks += [disk(tmp_path, "sdb", sectors=0), disk(tmp_path, "sdc", ro="1"), disk(tmp_path, "nvme0c0n1", hidden="1")]
    blocks[2] |= {
        "ID_MODEL": "Ultra_Fit",
        "ID_SERIAL_SHORT": "4C",
        "DEVLINKS": "/dev/disk/by-id/usb-x /dev/disk/by-path/y /dev/disk/by-id/wwn-1",
    }
    found = probe.found_disks(blocks, {"sda"}, tmp_path)
    assert [d.name for d in found] == ["sda", "nvme2n1", "nvme10n1"]
    assert (found[0].live, found[0].model, found[0].by_id) == (True, "Ultra Fit", ("usb-x", "wwn-1"))
    assert (found[0].size_bytes, found[1].live, "sys_name" in found[0].udev) == (2**20, False, False)


def test_where_the_live_system_lies(tmp_path: Path) -> None:
    disk(tmp_path, "sda")
    part = tmp_path / "devices/block/sda/sda1"
    part.mkdir()
    (part / "partition").write_text("1")
    (tmp_path / "class/block/sda1").symlink_to(part)
    (tmp_path / "dev/block").mkdir(parents=True)
    (tmp_path / "dev/block/8:1").symlink_to(part)
    line = "1 0 8:1 / {} ro - iso9660 /dev/sda1 ro\n"
    assert probe.live_disks(line.format("/run/live/medium"), tmp_path) == {"sda"}
    assert probe.live_disks(line.format("/"), tmp_path) == {"sda"}
    assert probe.live_disks(line.format("/mnt"), tmp_path) == set()


def test_members(tmp_path: Path) -> None:
    kinds = {"sda": "LVM2_member", "sdb": "zfs_member", "sdc": "ext4"}
    about = {"ID_FS_LABEL": "tank", "ID_FS_UUID": "9"}
    blocks = [{**disk(tmp_path, name), **about, "ID_FS_TYPE": kind} for name, kind in kinds.items()]
    found = probe.found_members(blocks, {"/dev/sda": ("pve", "U")}, tmp_path)
    assert [(m.kind, m.name, m.id, m.disk) for m in found] == [
        (Holder.LVM, "pve", "U", "/dev/sda"),
        (Holder.ZFS, "tank", "9", "/dev/sdb"),
    ]


def test_wired_interfaces(tmp_path: Path) -> None:
    for name, files in {
        "eno1": {"type": "1", "address": "aa:bb:cc:00:11:22", "ifindex": "2", "operstate": "up", "device/x": ""},
        "lo": {"type": "772"},
        "vmbr0": {"type": "1"},
        "wlan0": {"type": "1", "device/x": "", "phy80211/x": ""},
        "ens9": {"type": "1", "address": "aa:bb:cc:00:11:23", "ifindex": "3", "operstate": "down", "device/x": ""},
    }.items():
        for file, text in files.items():
            path = tmp_path / "class/net" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
    nets = [{"sys_name": name, "ID_NET_DRIVER": "igb"} for name in ("wlan0", "eno1", "vmbr0", "lo", "ens9")]
    found = probe.found_nics(nets, tmp_path)
    assert [(n.name, n.number, n.index, n.state) for n in found] == [("eno1", 0, 2, "UP"), ("ens9", 1, 3, "DOWN")]


def test_small_facts(tmp_path: Path) -> None:
    assert probe.memory_mib("MemFree: 1 kB\nMemTotal:       2014412 kB\n") == 1967
    assert probe.cpu_vendor("processor\t: 0\nvendor_id\t: AuthenticAMD\n") == "AuthenticAMD"
    assert not probe.secure_boot(tmp_path / "none")
    (tmp_path / "variable").write_bytes(b"\x06\0\0\0\x01")
    assert probe.secure_boot(tmp_path / "variable")


def test_looking_needs_nothing_of_this_machine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = str(EXAMPLES / "answers/lvm-dhcp.toml")
    recorded = ["--answer", answer, "--machine", str(EXAMPLES / "machines/vm-bios.json")]
    assert main.main(["--dry-run", *recorded, "--seed", "1"]) == 0
    assert "create volume group pve" in capsys.readouterr().out
    assert main.main(["--check-answer", *recorded]) == 0
    assert main.main(["--check-answer", "--answer", answer]) == 0
    assert main.main(["--show-config", *recorded]) == 0
    assert '"filesys": "ext4"' in capsys.readouterr().out
    bad = tmp_path / "bad.toml"
    bad.write_text(MINIMAL.replace("ext4", "zfs"))
    assert main.main(["--check-answer", "--answer", str(bad)]) == 2
    assert "line 12, disk-setup.zfs.raid: is needed" in capsys.readouterr().err
    assert main.main(["--check-answer", "--answer", str(tmp_path / "none")]) == 1
    assert main.main(["--machine", "x"]) == 64
    assert main.main(["--pause-at", "nowhere"]) == 1


def test_the_manual_lists_all_keys() -> None:
    text = (ROOT / "docs/installation.md").read_text()
    assert answer_manual.renew(text) == text, "run: python3 -m installer.answer_manual docs/installation.md"
    with pytest.raises(ValueError, match="markers"):
        answer_manual.renew("")


def test_the_manual_example_is_good() -> None:
    text = (ROOT / "docs/installation.md").read_text()
    example = text.split("```toml\n")[1].split("```")[0]
    assert "root-password" in example
    main.parse_answers(example)


def install_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, machine: Machine, **more: Any
) -> tuple[int, str, list[str]]:
    """Run an installation whose programs only remember; returns exit code, console and the programs."""
    from installer import install

    ran: list[str] = []

    def run(argv: Sequence[Any], **options: Any) -> Result:
        ran.append(" ".join(map(str, argv)))
        return nothing(argv)

    console = io.StringIO()
    monkeypatch.setattr(install, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(install, "LOG", tmp_path / "log")
    monkeypatch.setattr(install, "TARGET", tmp_path / "target")
    monkeypatch.setattr(install, "BANNER", tmp_path / "issue")
    monkeypatch.setattr(install, "REBOOT_AFTER_ERROR_S", 0.0)
    monkeypatch.setattr(install.sys, "stdout", console)
    monkeypatch.setattr(install.probe, "probe", lambda run: machine)
    monkeypatch.setattr(install, "ask_network", lambda run, facts, say: facts)
    monkeypatch.setattr(install, "execute", more.pop("execute", lambda *_, **__: None))
    (tmp_path / "answer.toml").write_text(text)
    options = install.Options(answer=tmp_path / "answer.toml", source="x", **more)
    code = install.install(options, run)
    return code, console.getvalue(), ran


@pytest.fixture
def vm() -> Machine:
    return main.load_machine((EXAMPLES / "machines/vm-bios.json").read_text())


def test_success_ends_as_the_answers_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vm: Machine) -> None:
    code, console, ran = install_with(tmp_path, monkeypatch, MINIMAL, vm, auto=True)
    assert (code, ran) == (0, ["systemctl --no-block reboot"])
    assert "[100%] Holdfast is installed; rebooting." in console
    off = MINIMAL.replace("[network]", 'reboot-mode = "power-off"\n[network]')
    assert install_with(tmp_path, monkeypatch, off, vm, auto=True)[2] == ["systemctl --no-block poweroff"]
    assert install_with(tmp_path, monkeypatch, MINIMAL, vm)[2] == []


def test_bad_answer_stops_before_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vm: Machine) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be run")

    text = MINIMAL.replace('"vda"', '"sda"')
    code, console, ran = install_with(tmp_path, monkeypatch, text, vm, auto=True, execute=never)
    assert (code, ran) == (2, [])
    assert "line 14, disk-setup.disk-list: there is no disk 'sda' here; found: vda" in console
    assert "correct horse" not in (tmp_path / "log").read_text()
    assert "failed" in (tmp_path / "issue").read_text()


def test_failures_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vm: Machine) -> None:
    def fails(*_: object, **__: object) -> None:
        raise Conflict("the disk is on fire")

    code, console, ran = install_with(tmp_path, monkeypatch, MINIMAL, vm, auto=True, execute=fails)
    assert (code, ran) == (1, [])
    assert "the disk is on fire" in console
    again = MINIMAL.replace("[network]", "reboot-on-error = true\n[network]")
    _, _, ran = install_with(tmp_path, monkeypatch, again, vm, auto=True, execute=fails)
    assert ran == ["systemctl --no-block reboot"]


def test_bugs_are_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vm: Machine) -> None:
    def bug(*_: object, **__: object) -> None:
        raise KeyError("x")

    code, console, _ = install_with(tmp_path, monkeypatch, MINIMAL, vm, execute=bug)
    assert code == 1
    assert "a bug in the installer: KeyError('x')" in console
    assert "Traceback" in (tmp_path / "log").read_text()
