"""Who may use a volume; how far a requested limit counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostd.core.errors import Conflict, Denied
from hostd.storage.naming import parse_name
from hostd.storage.rights import bandwidth_limit, parse_limits, require_volume_access


def may(*granted: str) -> Callable[[str, str], bool]:
    """Rights given as ``path privilege``."""
    return lambda path, privilege: f"{path} {privilege}" in granted


DISK = parse_name("dir", "100/vm-100-disk-0.raw")
ISO = parse_name("dir", "iso/a.iso")


def test_use_of_volumes() -> None:
    require_volume_access(ISO, "s", may("/storage/s Datastore.Audit"))
    require_volume_access(DISK, "s", may(), vmid=100)
    require_volume_access(DISK, "s", may("/storage/s Datastore.Audit", "/vms/100 VM.Config.Disk"), vmid=101)
    require_volume_access(DISK, "s", may("/storage/s Datastore.Allocate"), content="rootdir")
    require_volume_access(None, "", may(), root=True)
    for volume, vmid in ((ISO, None), (DISK, 101), (None, None), (parse_name("dir", "snippets/a.yaml"), 100)):
        with pytest.raises(Denied):
            require_volume_access(volume, "s", may("/vms/100 VM.Config.Disk"), vmid=vmid)
    with pytest.raises(Conflict, match="content is 'iso', not 'images'"):
        require_volume_access(ISO, "s", may(), content="images")


def test_limits() -> None:
    fast, slow, general = parse_limits("default=500"), parse_limits("default=20,move=30"), parse_limits("default=100")
    names = ("fast", "slow")
    assert bandwidth_limit("move", [fast, slow], general, names=names) == 30
    assert bandwidth_limit("clone", [fast, {}], general, names=names) == 100
    assert bandwidth_limit("clone", [], general) == 100
    assert bandwidth_limit("clone", [slow], general, 5, may=may(), names=["slow"]) == 5
    assert bandwidth_limit("clone", [slow], general, 0, may=may(), names=["slow"]) == 20
    allowed = may("/storage/slow Datastore.Allocate")
    assert bandwidth_limit("clone", [slow], general, 0, may=allowed, names=["slow"]) == 0
    assert bandwidth_limit("clone", [], general, 0, may=may("/ Sys.Modify")) == 0
