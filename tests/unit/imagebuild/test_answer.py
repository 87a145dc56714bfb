"""Answer files written for virtual machines."""

from __future__ import annotations

import tomllib

from imagebuild import answer


def test_password_and_keys_survive_quoting() -> None:
    text = answer.text(fqdn="a.example.invalid", password='p"\\ü', ssh_keys=["ssh-ed25519 AAAA x"])
    data = tomllib.loads(text)
    assert data["global"]["root-password"] == 'p"\\ü'
    assert data["global"]["root-ssh-keys"] == ["ssh-ed25519 AAAA x"]


def test_zfs_mirror_names_level_and_both_disks() -> None:
    text = answer.text(fqdn="a.b.invalid", password="x" * 8, filesystem="zfs", raid="raid1", disks=["vda", "vdb"])
    setup = tomllib.loads(text)["disk-setup"]
    assert setup == {"filesystem": "zfs", "disk-list": ["vda", "vdb"], "zfs": {"raid": "raid1"}}


def test_ext4_has_no_zfs_options() -> None:
    assert "zfs" not in tomllib.loads(answer.text(fqdn="a.b.invalid", password="x" * 8))["disk-setup"]


def test_a_host_may_join_from_its_answer() -> None:
    text = answer.text(fqdn="a.b.invalid", password="x" * 8, cluster={"join": "hfj1.abc"})
    assert tomllib.loads(text)["cluster"] == {"join": "hfj1.abc"}
    assert "cluster" not in tomllib.loads(answer.text(fqdn="a.b.invalid", password="x" * 8))
