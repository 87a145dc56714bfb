"""The kernel pair's packages: names, versions, relations."""

from __future__ import annotations

import pytest
from imagebuild.control import parse_stanzas
from imagebuild.kernel import Pair, download_names, flavourless

PAIR = Pair(abi="6.12.117+deb13-amd64", kernel_version="6.12.117-1", zfs_version="2.3.9-0+deb13u1")


def test_metapackage_allows_exactly_one_kernel_and_one_module_package() -> None:
    stanza = parse_stanzas(PAIR.metapackage_control())[0]
    assert stanza["Depends"].split(", ") == [
        "linux-image-6.12.117+deb13-amd64 (= 6.12.117-1)",
        f"holdfast-zfs-modules-6.12.117+deb13-amd64 (= {PAIR.version})",
    ]


def test_module_package_names_its_kernel_and_takes_the_place_of_dkms() -> None:
    stanza = parse_stanzas(PAIR.modules_control(9000))[0]
    assert stanza["Package"] == "holdfast-zfs-modules-6.12.117+deb13-amd64"
    assert "linux-image-6.12.117+deb13-amd64 (= 6.12.117-1)" in stanza["Depends"]
    assert stanza["Provides"] == "zfs-modules"
    assert stanza["Installed-Size"] == "9000"
    assert "zfsutils-linux (<< 2.3.9)" in stanza["Breaks"]


def test_version_has_no_second_dash_and_names_all_three_parts() -> None:
    assert PAIR.version == "6.12.117-1+zfs2.3.9~0+deb13u1+holdfast1"


def test_names_of_headers_and_kbuild_come_from_the_abi() -> None:
    names = download_names("6.12.117+deb13-amd64")
    assert "linux-headers-6.12.117+deb13-common" in names
    assert "linux-kbuild-6.12.117+deb13" in names
    assert flavourless("6.12.115+deb13.1-amd64") == "6.12.115+deb13.1"


@pytest.mark.parametrize("abi", ["", "6.12.117", "6.12.117+deb13", "linux-image-amd64"])
def test_what_is_no_abi_name_is_refused(abi: str) -> None:
    with pytest.raises(ValueError, match="not the ABI name"):
        flavourless(abi)
