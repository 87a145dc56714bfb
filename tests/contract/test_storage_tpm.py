"""A TPM's state on a volume of each storage: files, subvolumes, and block devices, which swtpm cannot resize.

In the machine of ``make test-storage-vm`` these are LVM, thin pools and ZFS as well.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hostd.guests.qemu.plan import TPM_BYTES
from hostd.storage.interface import Driver, Feature, Snapshots, VolumeSpec, has_feature
from tests.contract.test_storage_drivers import driver
from tests.lib import tpmunit
from tests.lib.required import missing

__all__ = ["driver"]


@pytest.fixture
def volume(driver: Driver) -> str:
    """The name of a volume as a machine gets it for its TPM."""
    if not shutil.which("swtpm"):
        missing("swtpm", "swtpm is not installed")
    name = driver.create(VolumeSpec(vmid=100, size_bytes=TPM_BYTES, format="raw"))
    driver.activate_volume(name)
    return name


def test_the_identity_stays(driver: Driver, volume: str, tmp_path: Path) -> None:
    path = driver.path(volume)
    first = tpmunit.identity(path, tmp_path)
    assert tpmunit.identity(path, tmp_path) == first
    driver.deactivate_volume(volume)
    driver.activate_volume(volume)
    assert tpmunit.identity(path, tmp_path) == first
    driver.deactivate_volume(volume)
    driver.delete(volume)


def test_it_goes_back_with_its_volume(driver: Driver, volume: str, tmp_path: Path) -> None:
    if not isinstance(driver, Snapshots) or not has_feature(driver, volume, Feature.SNAPSHOT):
        pytest.skip("this storage keeps no states of raw volumes")
    path = driver.path(volume)
    first = tpmunit.identity(path, tmp_path)
    driver.snapshot(volume, "then")
    tpmunit.ask(path, tpmunit.CHANGE_SEED, tmp_path)
    assert tpmunit.identity(path, tmp_path) != first
    driver.rollback(volume, "then")
    driver.activate_volume(volume)
    assert tpmunit.identity(driver.path(volume), tmp_path) == first
