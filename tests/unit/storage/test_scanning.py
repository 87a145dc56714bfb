"""Places that could become storages."""

from __future__ import annotations

import pytest

from hostd.core.errors import CommandFailed
from hostd.storage import scanning
from tests.fakes.run import FakeRun

LVS = """{"report": [{"lv": [
  {"vg_name":"vg","lv_name":"data","lv_size":"1073741824","lv_attr":"twi-aotz--","pool_lv":"","origin":"",
   "data_percent":"1.5","metadata_percent":"10","lv_time":"1700000000"},
  {"vg_name":"vg","lv_name":"root","lv_size":"1073741824","lv_attr":"-wi-ao----","pool_lv":"","origin":"",
   "data_percent":"","metadata_percent":"","lv_time":"1700000000"}]}]}"""


def test_exports() -> None:
    run = FakeRun({"showmount": "/srv/a 10.0.0.0/8,host\n/srv/b\nclnt_create: RPC: x\n"})
    assert scanning.nfs_exports(run, "nas") == [("/srv/a", "10.0.0.0/8,host"), ("/srv/b", "*")]
    assert run.calls[0][-2:] == ["--", "nas"]


def test_groups_and_pools() -> None:
    assert scanning.volume_groups(FakeRun({"vgs": "  pve\n  data\n"})) == ["data", "pve"]
    assert scanning.thin_pools(FakeRun({"lvs": LVS}), "vg") == ["data"]


def test_datasets() -> None:
    names = "tank\ntank/vms\ntank/vms/subvol-100-disk-0\ntank/vms/basevol-9-disk-0\n"
    assert scanning.datasets(FakeRun({"zfs list": names})) == ["tank", "tank/vms"]
    absent = CommandFailed(["zfs"], 127, "")
    assert scanning.datasets(FakeRun({"zfs list": absent})) == []
    with pytest.raises(CommandFailed):
        scanning.datasets(FakeRun({"zfs list": CommandFailed(["zfs"], 1, "pool is broken")}))
