"""Names of volumes: recorded cases, and that none of them climbs out of its storage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.core.errors import Conflict, ParseError
from hostd.storage.volume import (
    VolumeId,
    VolumeName,
    check_disk_name,
    free_name,
    parse_block_name,
    parse_dataset_name,
    parse_file_name,
    parse_thick_name,
)

PARSERS: Mapping[str, Callable[[str], VolumeName]] = {
    "dir": parse_file_name,
    "lvm": parse_thick_name,
    "lvmthin": parse_block_name,
    "zfspool": parse_dataset_name,
}


def cases(shared: Path, family: str) -> list[dict[str, dict[str, object]]]:
    loaded: list[dict[str, dict[str, object]]] = json.loads(
        (shared / f"conformance/storage/cases/{family}.json").read_text()
    )["cases"]
    return loaded


@pytest.mark.parametrize("type", list(PARSERS))
def test_recorded_names(shared: Path, type: str) -> None:
    for case in cases(shared, f"parse-volname-{type}"):
        name = str(case["input"]["volname"])
        if "error" in case["expect"]:
            with pytest.raises(ParseError):
                PARSERS[type](name)
            continue
        expected = case["expect"]["ok"]
        assert isinstance(expected, dict)
        parsed = PARSERS[type](name)
        assert parsed.content == expected["vtype"], name
        assert (parsed.name, parsed.format) == (expected["name"], expected["format"]), name
        assert parsed.is_base == bool(expected["is_base"]), name
        assert (parsed.base or None) == expected["basename"], name
        assert parsed.vmid == (int(expected["vmid"]) if expected["vmid"] else None), name


def test_recorded_volume_ids(shared: Path) -> None:
    for case in cases(shared, "parse-volid"):
        text = str(case["input"]["volid"])
        if "error" in case["expect"]:
            with pytest.raises(ParseError):
                VolumeId.parse(text)
        else:
            parsed = VolumeId.parse(text)
            assert {"storage": parsed.storage, "volname": parsed.name} == case["expect"]["ok"]
            assert str(parsed) == text


def test_recorded_free_names(shared: Path) -> None:
    for case in cases(shared, "free-disk-name"):
        given_ = case["input"]
        taken = [str(v).split(":", 1)[1] for v in given_["volids"]]  # type: ignore[attr-defined]
        found = free_name(
            int(str(given_["vmid"])),
            str(given_["format"]),
            taken,
            suffix=bool(given_["add_format_suffix"]),
            subvols=given_["type"] in ("dir", "zfspool"),
        )
        assert found == case["expect"]["ok"], case


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "iso/../../x.iso", "100/../vm.raw", "/etc/x.iso", "iso/..", "iso/a\nb.iso"]
)
def test_names_do_not_climb(name: str) -> None:
    with pytest.raises(ParseError):
        VolumeId.parse(f"local:{name}")
    for parse in PARSERS.values():
        with pytest.raises(ParseError):
            parse(name)


@given(st.text(st.sampled_from("./ab1-vm"), max_size=20).map(lambda t: f"100/{t}.raw"))
def test_a_file_name_stays_in_its_folder(name: str) -> None:
    try:
        parsed = parse_file_name(name)
    except ParseError:
        return
    assert "/" not in parsed.name
    assert parsed.name not in (".", "..")


def test_all_names_taken() -> None:
    with pytest.raises(Conflict):
        free_name(100, "raw", [f"vm-100-disk-{n}" for n in range(1000)], suffix=False, subvols=False)


@pytest.mark.parametrize("name", ["vm-101-disk-0", "../vm-100-x", "disk", "vm-100-", "vm-100-a/b"])
def test_wished_names_belong_to_the_guest(name: str) -> None:
    check_disk_name("vm-100-disk-7", 100)
    with pytest.raises(ParseError):
        check_disk_name(name, 100)
