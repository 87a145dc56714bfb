"""Names of backups, and which backups are kept."""

from __future__ import annotations

import pytest

from hostd.core.errors import ParseError
from hostd.storage.archives import parse_archive
from hostd.storage.retention import Backup, Mark, mark, parse_keep

DAY = 86400
NOON = 1_700_049_600  # 2023-11-15 12:00 UTC, a Wednesday


def test_a_name_tells_all() -> None:
    found = parse_archive("local:backup/vzdump-qemu-105-2024_02_29-10_20_30.vma.zst")
    assert (found.type, found.format, found.compression, found.vmid) == ("qemu", "vma", "zst", 105)
    assert found.unpack == ("zstd", "-q", "-d", "-c")
    assert found.notes == "vzdump-qemu-105-2024_02_29-10_20_30.vma.zst.notes"
    assert found.log == "vzdump-qemu-105-2024_02_29-10_20_30.log"


def test_renamed_backups_tell_less() -> None:
    found = parse_archive("vzdump-lxc-105-before-upgrade.tar.gz")
    assert (found.type, found.is_standard, found.vmid, found.ctime_s, found.notes) == ("lxc", False, None, None, "")


@pytest.mark.parametrize(
    "name",
    [
        "x.tar", "vzdump-qemu-105-2024_02_29-10_20_30.zip", "vzdump-qemu-105-2024_02_30-10_20_30.vma",
        "vzdump-qemu-105-2024_01_01-24_00_00.vma", "vzdump-qemu-105-0000_01_01-00_00_00.vma",
    ],
)  # fmt: skip
def test_what_is_no_backup(name: str) -> None:
    with pytest.raises(ParseError):
        parse_archive(name)


def backups(*days: float) -> list[Backup]:
    found = []
    for number, day in enumerate(days):
        name = f"s:backup/vzdump-qemu-{100}-2023_01_{number + 1:02}-00_00_00.vma"
        found.append(Backup(volid=name, ctime_s=int(NOON - day * DAY), vmid=100))
    return found


def kept(keep: str, *days: float) -> list[int]:
    """Which of the backups that are so many days old are kept, by their place."""
    given = backups(*days)
    ids = {m.backup.volid for m in mark(given, parse_keep(keep)) if m.mark is Mark.KEEP}
    return [number for number, backup in enumerate(given) if backup.volid in ids]


def test_the_newest_of_each_period_stays() -> None:
    assert kept("keep-last=2", 0, 1, 2) == [0, 1]
    assert kept("keep-daily=2", 0, 0.1, 1, 2) == [0, 2]
    assert kept("keep-weekly=2", 0, 1, 7, 8, 14) == [0, 2]
    assert kept("keep-monthly=2", 0, 20, 40) == [0, 1]
    assert kept("keep-yearly=1", 0, 400) == [0]
    assert kept("keep-all=1", 0, 1) == kept("keep-last=0", 0, 1) == [0, 1]


def test_later_options_pass_over_what_is_covered() -> None:
    assert kept("keep-last=1,keep-daily=1", 0, 0.1, 1, 2) == [0, 2]


def test_protected_and_renamed_backups_do_not_count() -> None:
    old = Backup(volid="s:backup/vzdump-qemu-100-2023_01_09-00_00_00.vma", ctime_s=NOON, vmid=100, protected=True)
    named = Backup(volid="s:backup/vzdump-qemu-100-golden.vma", ctime_s=NOON, vmid=100)
    found = {m.backup.volid: m.mark for m in mark([old, named, *backups(0, 1)], parse_keep("keep-last=1"))}
    assert list(found.values()).count(Mark.KEEP) == 1
    assert found[old.volid] is Mark.PROTECTED
    assert found[named.volid] is Mark.RENAMED
    assert mark([old], {}, vmid=101) == mark([old], {}, type="lxc") == []


@pytest.mark.parametrize("text", ["keep-last", "keep-last=x", "keep-ever=1", "keep-all=1,keep-last=1", "5"])
def test_rules_that_are_none(text: str) -> None:
    with pytest.raises(ParseError):
        parse_keep(text)
