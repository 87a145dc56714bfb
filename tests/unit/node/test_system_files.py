"""Files and programs of the operating system: parsers, writers, argument lists."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import pytest

from hostd.core import files
from hostd.core.errors import Conflict, HostError, Invalid, NotFound
from hostd.node import (
    certificate,
    clock,
    journal,
    report,
    repositories,
    resolver,
    services,
    traffic,
    updates,
    wake,
)
from hostd.node.journal import Query
from tests.fakes.run import FakeRun

NOW = datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)


def test_a_file_is_replaced_through_its_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    files.replace(str(tmp_path / "link"), b"new", mode=0o640)
    assert (tmp_path / "real").read_text() == "new"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link", "real"]


def test_name_servers_keep_the_other_lines() -> None:
    text = "# by hand\ndomain old.example\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions timeout:1\n"
    assert resolver.parse(text) == resolver.Resolver(search="old.example", servers=("192.0.2.1", "192.0.2.2"))
    changed = resolver.format(text, "new.example", ["2001:db8::1"])
    assert changed == "search new.example\nnameserver 2001:db8::1\n# by hand\noptions timeout:1\n"
    assert resolver.format(changed, "new.example", ["2001:db8::1"]) == changed


def test_time_zones(tmp_path: Path) -> None:
    (tmp_path / "Here").mkdir()
    (tmp_path / "Here" / "Town").write_bytes(b"TZif2")
    (tmp_path / "zone.tab").write_text("x")
    clock.check_zone("Here/Town", str(tmp_path))
    for wrong in ("Here", "Nowhere", "../Here/Town", "zone.tab", "/Here/Town"):
        with pytest.raises(Invalid):
            clock.check_zone(wrong, str(tmp_path))
    link, named = str(tmp_path / "localtime"), tmp_path / "timezone"
    named.write_text("UTC\n")
    for _twice in range(2):
        clock.set_zone("Here/Town", link=link, named=str(named), folder=str(tmp_path))
    assert (os.readlink(link), named.read_text()) == (f"{tmp_path}/Here/Town", "Here/Town\n")
    assert clock.zone_of_link("/usr/share/zoneinfo/Europe/Vienna") == "Europe/Vienna"
    assert clock.zone_of_link("/etc/other") == "UTC"
    assert clock.told("UTC", 10.5) == {"timezone": "UTC", "time": 10, "localtime": 10}
    assert clock.told("No/Such", 10)["localtime"] == 10


def test_cards_of_guests(tmp_path: Path) -> None:
    for name, sent, received in (("tap101i1", 5, 6), ("veth9002i0", 7, 8), ("eth0", 1, 1), ("tap7", 1, 1)):
        place = tmp_path / name / "statistics"
        place.mkdir(parents=True)
        (place / "tx_bytes").write_text(f"{sent}\n")
        (place / "rx_bytes").write_text(f"{received}\n")
    assert traffic.counters(str(tmp_path)) == [
        {"vmid": "101", "dev": "net1", "in": 5, "out": 6},
        {"vmid": "9002", "dev": "net0", "in": 7, "out": 8},
    ]


def test_the_magic_packet() -> None:
    packet = wake.packet("02:00:00:00:00:01")
    assert len(packet) == 102
    assert packet.startswith(b"\xff" * 6 + b"\x02\x00\x00\x00\x00\x01")


SHOW = """Id=ssh.service
Description=OpenBSD Secure Shell server
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
CanReload=yes

Id=postfix.service
Description=postfix.service
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
CanReload=no
"""


def test_services_are_told_as_systemd_tells_them() -> None:
    found = services.states(FakeRun({"systemctl show": SHOW}), ["sshd", "postfix"])
    assert found[0] == {
        "service": "sshd", "name": "ssh", "desc": "OpenBSD Secure Shell server", "state": "running",
        "active-state": "active", "unit-state": "enabled",
    }  # fmt: skip
    assert (found[1]["unit-state"], found[1]["state"]) == ("not-found", "dead")
    with pytest.raises(HostError):
        services.states(FakeRun({"systemctl show": SHOW}), ["sshd"])


def test_actions_that_make_no_sense_are_refused() -> None:
    absent = SHOW.split("\n\n", maxsplit=1)[1]
    with pytest.raises(NotFound):
        services.check_action(FakeRun({"systemctl show": absent}), "postfix", "start")
    with pytest.raises(Conflict):
        services.check_action(FakeRun({"systemctl show": SHOW}), "pvedaemon", "stop")
    services.check_action(FakeRun({"systemctl show": SHOW}), "pvedaemon", "restart")
    assert services.act_argv("reload", "x", can_reload=False)[1] == "restart"
    assert services.act_argv("reload", "x", can_reload=True)[1] == "reload"


def entry(cursor: str, message: object, **more: object) -> str:
    known = {"__CURSOR": cursor, "__REALTIME_TIMESTAMP": "1795176837000000", "_HOSTNAME": "a", "MESSAGE": message}
    return json.dumps({**known, "SYSLOG_IDENTIFIER": "cron", "_PID": "7", **more})


def test_journal_lines() -> None:
    text = "\n".join([entry("c1", "one"), entry("c2", [98, 97, 100, 255]), entry("c3", ["x", "y"], _PID=None)])
    lines = journal.parse(text)
    assert journal.shown(lines[0], datetime.UTC) == "Nov 20 12:13:57 a cron[7]: one"
    assert [line.message for line in lines] == ["one", "bad\ufffd", "x"]
    assert journal.shown(lines[2], datetime.UTC).endswith("cron: x")
    assert journal.with_cursors(lines, ["a", "b", "c"], Query()) == ["c1", "a", "b", "c", "c3"]
    assert journal.with_cursors([], [], Query(start_cursor="c9")) == ["c9", "c9"]


def test_journal_between_cursors() -> None:
    lines = journal.parse("\n".join(entry(f"c{n}", str(n)) for n in (3, 2, 1)))
    assert [line.cursor for line in journal.cut(lines, Query(end_cursor="c3", last=1))] == ["c2"]
    backwards = journal.argv(Query(end_cursor="c3", last=4))
    assert {"--reverse", "--cursor=c3", "--lines=5"} <= set(backwards)
    assert "--after-cursor=c3" in journal.argv(Query(start_cursor="c3"))
    assert {"--unit=x", "--priority=0..3", "--dmesg"} <= set(
        journal.argv(Query(service="x", priority="0..3", kernel=True))
    )


SIMULATED = """NOTE: only a simulation
Inst base-files [13.1] (13.2 Debian:13.2/stable [amd64])
Inst new-one (1.0-1 Debian:13.2/stable, Debian-Security:13/stable-security [all]) []
Conf base-files (13.2 Debian:13.2/stable [amd64])
"""
RECORDS = """Package: base-files
Version: 13.2
Section: admin
Priority: required
Description-en: Debian base system miscellaneous files
 First line.
 .
 Last line.
"""


def test_updates() -> None:
    run = FakeRun({"apt-get --simulate": SIMULATED, "apt-cache show": RECORDS})
    first, second = updates.pending(run)
    assert first == {
        "Package": "base-files", "Title": "Debian base system miscellaneous files",
        "Description": "First line.\n\nLast line.", "Version": "13.2", "OldVersion": "13.1", "Origin": "Debian",
        "Arch": "amd64", "Section": "admin", "Priority": "required",
    }  # fmt: skip
    assert ("OldVersion" in second, second["Origin"]) == (False, "Debian")
    assert run.calls[1][-2:] == ["base-files=13.2", "new-one=1.0-1"]
    assert updates.pending(FakeRun()) == []


def test_versions_tell_what_is_missing() -> None:
    text = (
        "Package: lxc\nVersion: 6.0\nArchitecture: amd64\nStatus-Status: installed\nDescription: Containers\n long\n\n"
    )
    found = {
        row["Package"]: row for row in updates.versions(FakeRun({"dpkg-query": text}), kernel="6.12", compatible="9")
    }
    assert (found["lxc"]["Version"], found["lxc"]["CurrentState"]) == ("6.0", "Installed")
    assert found["frr"]["CurrentState"] == "NotInstalled"
    assert found["holdfast"]["RunningKernel"] == "6.12"


def test_a_changelog_takes_no_options() -> None:
    with pytest.raises(Invalid):
        updates.changelog(FakeRun(), "lxc", "1 --x")


LIST = """# our mirror
deb [arch=amd64,i386 signed-by=/k] http://mirror.example/debian trixie main contrib # near
#deb-src http://mirror.example/debian trixie main
# deb is what this line talks about
"""
SOURCES = """# kept
Types: deb
URIs: http://mirror.example/debian-security/
Suites: trixie-security
Components: main
Signed-By: /k

Types: deb deb-src
URIs: http://a.example/x http://b.example/x
Suites: y
Components: z
Enabled: no
"""


@pytest.fixture
def apt(tmp_path: Path) -> str:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(LIST)
    (tmp_path / "sources.list.d" / "s.sources").write_text(SOURCES)
    return str(tmp_path)


def test_both_forms_of_repositories_are_read() -> None:
    near, off = repositories.parse_list(LIST)
    assert (near.types, near.suites, near.components, near.comment) == (
        ("deb",),
        ("trixie",),
        ("main", "contrib"),
        "near",
    )
    assert near.options == (("arch", ("amd64", "i386")), ("signed-by", ("/k",)))
    assert (off.types, off.enabled) == (("deb-src",), False)
    first, second = repositories.parse_sources(SOURCES)
    assert (first.enabled, second.enabled, second.uris) == (True, False, ("http://a.example/x", "http://b.example/x"))


def test_one_entry_is_switched_and_the_rest_stays(apt: str) -> None:
    repositories.switch(f"{apt}/sources.list", 1, enabled=True, folder=apt)
    assert Path(apt, "sources.list").read_text() == LIST.replace("#deb-src", "deb-src")
    repositories.switch(f"{apt}/sources.list.d/s.sources", 0, enabled=False, folder=apt)
    text = Path(apt, "sources.list.d/s.sources").read_text()
    assert text == SOURCES.replace("# kept\n", "# kept\nEnabled: no\n")
    repositories.switch(f"{apt}/sources.list.d/s.sources", 1, enabled=True, folder=apt)
    assert [r.enabled for r in repositories.parse_sources(Path(apt, "sources.list.d/s.sources").read_text())] == [
        False,
        True,
    ]


@pytest.mark.parametrize(("path", "index"), [("/etc/passwd", 0), ("sources.list", 2), ("sources.list", -1)])
def test_other_files_and_entries_are_refused(apt: str, path: str, index: int) -> None:
    with pytest.raises(Invalid):
        repositories.switch(os.path.join(apt, path), index, enabled=True, folder=apt)


def test_standard_repositories(apt: str) -> None:
    status = {r["handle"]: r.get("status") for r in repositories.told(apt)["standard-repos"]}  # type: ignore[attr-defined]
    assert status == {"debian": 1, "debian-updates": None, "debian-security": 1}
    digest = str(repositories.told(apt)["digest"])
    repositories.check_digest(digest, apt)
    repositories.add("debian-updates", folder=apt)
    with pytest.raises(HostError, match="modified"):
        repositories.check_digest(digest, apt)
    assert repositories.told(apt)["standard-repos"][1]["status"] == 1  # type: ignore[index]
    with pytest.raises(Invalid):
        repositories.add("enterprise", folder=apt)


def test_a_broken_file_is_told_as_an_error(apt: str) -> None:
    Path(apt, "sources.list.d/z.sources").write_text("Types: deb\nSuites: x\n")
    assert [e["path"] for e in repositories.told(apt)["errors"]] == [f"{apt}/sources.list.d/z.sources"]  # type: ignore[attr-defined]


def test_a_brought_certificate_needs_its_key() -> None:
    key, other = certificate.new_key(), certificate.new_key()
    made = certificate.make_authority(key, now=NOW)
    certificate.checked_chain(made, key)
    for chain, wrong, words in ((made, other, "not the one"), (b"x", key, "no PEM"), (made, b"", "no PEM private")):
        with pytest.raises(ValueError, match=words):
            certificate.checked_chain(chain, wrong)
    told = certificate.info(made, "x.pem")
    assert (told["public-key-type"], told["public-key-bits"], told["filename"]) == ("id-ecPublicKey", 256, "x.pem")
    assert int(str(told["notafter"])) > int(str(told["notbefore"]))


def test_a_report_survives_missing_programs() -> None:
    text = report.report(FakeRun({"uptime": "up 1 day\n", "zpool": 127}))
    assert "up 1 day" in text
    assert "(exit code 127)" in text
