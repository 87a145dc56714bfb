"""storage.cfg: recorded cases of reading and rewriting, new and changed storages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hostd.core.errors import Invalid, NotFound
from hostd.core.formats import sectionconfig
from hostd.storage.config import changed, format_storage_cfg, parse_storage_cfg, section_of

OURS = ("dir", "lvmthin", "zfspool")


def recorded(shared: Path, family: str) -> list[dict[str, dict[str, object]]]:
    data = json.loads((shared / f"conformance/storage/cases/{family}.json").read_text())
    return [c for c in data["cases"] if all(s.type in OURS for s in sectionconfig.parse(c["input"]["raw"]))]


def test_recorded_files(shared: Path) -> None:
    assert len(recorded(shared, "storage-cfg-parse")) > 8
    for case in recorded(shared, "storage-cfg-parse"):
        if "unknown-option" in str(case["name"]):  # ours survive
            continue
        file = parse_storage_cfg(str(case["input"]["raw"]).encode())
        expected = case["expect"]["ok"]
        assert isinstance(expected, dict)
        assert set(file.storages) == set(expected), case["name"]
        for id, values in expected.items():
            storage = file.get(id)
            assert storage.type == values["type"]
            assert set(storage.content) == set(values["content"]) - {"none"}, case["name"]
            assert storage.nodes == (frozenset(values["nodes"]) if "nodes" in values else None)
            assert storage.disabled == bool(values.get("disable"))
            assert storage.text("path") == values.get("path", "")


def test_rewriting_keeps_everything() -> None:
    text = b"dir: d1\n\tpath /a\n\tcontent iso\n\tfrom_the_future yes\n\nquantum: q1\n\tfoo bar\n\n"
    assert format_storage_cfg(parse_storage_cfg(text).sections).startswith(text)


def test_an_empty_file_has_local() -> None:
    storage = parse_storage_cfg(b"").get("local")
    assert storage.text("path") == "/var/lib/vz"
    assert set(storage.content) == {"backup", "images", "iso", "rootdir", "snippets", "vztmpl"}
    with pytest.raises(NotFound, match="storage 'nope' does not exist"):
        parse_storage_cfg(b"").get("nope")


def test_a_new_storage_is_checked_as_a_whole() -> None:
    with pytest.raises(Invalid) as caught:
        section_of("tank", "zfspool", {"path": "/x", "sparse": "maybe", "content": "iso"})
    assert set(caught.value.errors) == {"path", "pool", "sparse", "content"}
    section = section_of("tank", "zfspool", {"pool": "tank/vms", "sparse": "1"})
    assert section.values == {"pool": "tank/vms", "sparse": "1", "content": "images,rootdir"}


@pytest.mark.parametrize("pool", ["-o", "a b", "a/-b", "/a", "a//b", "a/../b;"])
def test_a_pool_is_never_an_option(pool: str) -> None:
    with pytest.raises(Invalid):
        section_of("tank", "zfspool", {"pool": pool})


def test_fixed_options_stay() -> None:
    section = section_of("d1", "dir", {"path": "/a"})
    assert changed(section, {"content": "iso", "path": "/a"}, ["nodes"]).values["content"] == "iso"
    with pytest.raises(Invalid, match="Parameter verification failed"):
        changed(section, {"path": "/b"}, [])
    with pytest.raises(Invalid):
        changed(section, {}, ["path"])


def test_replacing_keeps_the_order() -> None:
    file = parse_storage_cfg(b"dir: d1\n\tpath /a\n\ndir: d2\n\tpath /b\n\n")
    again = file.with_section(changed(file.section("d1"), {"content": "iso"}, []))
    assert [s.id for s in again] == ["d1", "d2", "local"]
    assert [s.id for s in file.without("d1")] == ["d2", "local"]
