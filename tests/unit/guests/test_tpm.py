"""A machine's TPM: what its unit is given, and that it ends where it must."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import HostError
from hostd.guests.qemu import lifecycle, making, sockets, tpm
from hostd.guests.qemu.devices.platform import tpm_socket
from hostd.guests.volumes import catalog_of
from hostd.node import kvm_probe
from hostd.node.host import Host
from hostd.storage.interface import VolumeSpec
from hostd.tasks.log import ListLog
from tests.fakes.machines import FakeMachines
from tests.fakes.run import FakeRun


class Units(FakeRun):
    """``systemctl start`` makes the socket, as swtpm would; images are empty files of their size."""

    def __init__(self, *, deaf: bool = False) -> None:
        super().__init__({"": '{"usable": false, "reason": "not here"}'})
        self.deaf = deaf

    def __call__(self, argv: Any, **kwargs: Any) -> Any:
        if argv[:2] == ["systemctl", "start"] and not self.deaf:
            Path(tpm.folder(100), "socket").touch()
        if argv[:2] == ["qemu-img", "create"]:
            with open(argv[-2], "wb") as image:
                image.truncate(int(argv[-1]))
        return super().__call__(argv, **kwargs)

    def units(self) -> list[list[str]]:
        return [call[1:] for call in self.calls if call[0] == "systemctl"]


@pytest.fixture
def run() -> Units:
    return Units()


@pytest.fixture
def host(run: Units, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(sockets, "FOLDER", str(tmp_path / "run"))
    monkeypatch.setattr(tpm, "FOLDER", str(tmp_path / "tpm"))
    monkeypatch.setattr(kvm_probe, "CACHE", str(tmp_path / "kvm.json"))
    store = MemoryStore("pve1")
    store.write("storage.cfg", f"dir: local\n\tpath {tmp_path}/vz\n\tcontent images\n\n".encode())
    return Host(node="pve1", store=store, mirror=store.mirror(), run=run)


UNIT = "hostd-tpm@100.service"


@pytest.mark.parametrize(("value", "kind"), [("local:1,version=v2.0", "--tpm2"), ("local:1", "")])
def test_a_life(host: Host, run: Units, value: str, kind: str) -> None:
    machines = FakeMachines()
    making.create(host, ListLog(), 100, {"tpmstate0": value}, machines=machines)
    lifecycle.start(host, ListLog(), 100, machines=machines)
    own = Path(tpm.folder(100))
    assert (own / "environment").read_text() == f"KIND={kind}\n"
    assert os.readlink(own / "volume").endswith("/images/100/vm-100-disk-0.raw")
    assert tpm_socket(100) in machines.xml[100]
    assert own.stat().st_mode & 0o777 == 0o710
    lifecycle.stop(host, ListLog(), 100, machines=machines)
    assert run.units() == [["start", UNIT], ["stop", UNIT]]
    assert not own.exists()


def test_a_machine_that_does_not_start(host: Host, run: Units) -> None:
    making.create(host, ListLog(), 100, {"tpmstate0": "local:1"}, machines=FakeMachines())
    with pytest.raises(HostError, match="no"):
        lifecycle.start(host, ListLog(), 100, machines=FakeMachines(refuse="no"))
    assert run.units() == [["start", UNIT], ["stop", UNIT]]


def test_a_tpm_that_does_not_start(host: Host, run: Units) -> None:
    run.deaf = True
    making.create(host, ListLog(), 100, {"tpmstate0": "local:1"}, machines=FakeMachines())
    with pytest.raises(HostError, match="its TPM did not start"):
        lifecycle.start(host, ListLog(), 100, machines=FakeMachines())
    assert run.units() == [["start", UNIT], ["stop", UNIT]]


def test_what_a_killed_start_left_ends_before_the_volume_goes(host: Host, run: Units) -> None:
    making.create(host, ListLog(), 100, {"tpmstate0": "local:1"}, machines=FakeMachines())
    os.makedirs(tpm.folder(100))
    making.destroy(host, ListLog(), 100, machines=FakeMachines())
    assert run.units() == [["stop", UNIT]]


def test_a_machine_without_one_needs_no_unit(host: Host, run: Units) -> None:
    machines = FakeMachines()
    making.create(host, ListLog(), 100, {"scsi0": "local:1"}, machines=machines)
    lifecycle.start(host, ListLog(), 100, machines=machines)
    lifecycle.stop(host, ListLog(), 100, machines=machines)
    making.destroy(host, ListLog(), 100, machines=machines)
    assert run.units() == []


def test_a_small_copy_gets_its_full_size(host: Host) -> None:
    catalog = catalog_of(host)
    volume = catalog.allocate("local", VolumeSpec(vmid=100, size_bytes=2240, format="raw"), "images")
    grown: list[int] = []
    catalog.resize = lambda _volume, size_bytes: grown.append(size_bytes) or size_bytes  # type: ignore[method-assign,func-returns-value]
    tpm.grow(catalog, "scsi0", volume)
    assert not grown
    tpm.grow(catalog, "tpmstate0", volume)
    assert grown == [4 * 1024**2]
