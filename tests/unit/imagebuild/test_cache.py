"""Keys and pruning of the cache."""

from __future__ import annotations

import os
from pathlib import Path

from imagebuild.cache import digest, prune, tree_digest


def test_digest_separates_its_parts() -> None:
    assert digest("ab", "c") != digest("a", "bc")


def test_tree_digest_sees_names_content_modes_and_links(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("1")
    seen = [tree_digest(tmp_path)]
    file.write_text("2")
    seen.append(tree_digest(tmp_path))
    file.chmod(0o755)
    seen.append(tree_digest(tmp_path))
    (tmp_path / "l").symlink_to("/dev/null")
    seen.append(tree_digest(tmp_path))
    (tmp_path / "l").unlink()
    (tmp_path / "l").symlink_to("/dev/zero")
    seen.append(tree_digest(tmp_path))
    assert len(set(seen)) == len(seen)


def test_prune_keeps_the_newest_and_the_youngest_others(tmp_path: Path) -> None:
    for age, name in enumerate(["live-new", "live-b", "live-c", "live-d"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / "live-x.squashfs").touch()
    gone = prune(tmp_path / "live-d", "live-*", keep=2)
    assert [p.name for p in gone] == ["live-c"]
    assert {p.name for p in tmp_path.iterdir()} == {"live-new", "live-b", "live-d", "live-x.squashfs"}


def test_prune_leaves_what_somebody_uses(tmp_path: Path) -> None:
    for age, name in enumerate(["dev-new", "dev-used", "dev-old"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    gone = prune(tmp_path / "dev-new", "dev-*", keep=0, in_use=lambda path: path.name == "dev-used")
    assert [p.name for p in gone] == ["dev-old"]
