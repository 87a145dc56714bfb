"""A resolved target in the form of the reference's low-level installer configuration (JSON), to compare and to show."""

from __future__ import annotations

from typing import Final

from installer.answers import Filesystem, FirstBoot, ZfsOptions
from installer.machine import Machine
from installer.resolve import Target

# The systemd target before which each ordering's script runs.
ORDERING_TARGETS: Final = {
    "before-network": "network-pre",
    "network-online": "network-online",
    "fully-up": "multi-user",
}


def to_reference(target: Target, machine: Machine, *, arc_max_mib: int) -> dict[str, object]:
    """The configuration as a tree for JSON; keys that do not apply are left out.

    Sizes are GiB with 15 significant digits, disks are keyed by their index in the machine's order. ``arc_max_mib``
    is the cache limit where the answers name none. The password is in it: do not log the result.
    """
    answers, network = target.answers, target.network
    secret = answers.password.secret.reveal()
    config: dict[str, object] = {
        "autoreboot": 1,
        "existing_storage_auto_rename": 1,
        "country": answers.country,
        "timezone": answers.timezone,
        "keymap": answers.keyboard,
        "mailto": answers.mailto,
        "root_password": {"hashed" if answers.password.hashed else "plain": secret},
        "hostname": target.fqdn.host,
        "domain": target.fqdn.domain,
        "mngmt_nic": network.nic_name,
        "cidr": str(network.address),
        "gateway": str(network.gateway),
        "dns": str(network.dns),
        "filesys": _filesystem(target),
        "hdsize": _digits(target.hdsize_gib),
        "first_boot": _first_boot(answers.first_boot),
    }
    if answers.ssh_keys:
        config["root_ssh_keys"] = list(answers.ssh_keys)
    if network.pins:
        config["network_interface_pin_map"] = dict(network.pins)
    if target.filesystem.on_lvm:
        config["target_hd"] = target.disks[0].path
        lvm = answers.lvm
        for name, size in (
            ("swapsize", lvm.swapsize_gib),
            ("maxroot", lvm.maxroot_gib),
            ("maxvz", lvm.maxvz_gib),
            ("minfree", lvm.minfree_gib),
        ):
            if size is not None:
                config[name] = _digits(size)
        return config
    indexes = [str(machine.disks.index(disk)) for disk in target.disks]
    config["disk_selection"] = {index: index for index in indexes}
    if target.filesystem is Filesystem.ZFS:
        config["zfs_opts"] = _zfs(answers.zfs, arc_max_mib)
    else:
        config["btrfs_opts"] = {"compress": answers.btrfs.compress}
    return config


def _filesystem(target: Target) -> str:
    return f"{target.filesystem} ({target.raid.upper()})" if target.raid else target.filesystem.value


def _digits(value: float) -> float:
    return float(f"{value:.15g}")


def _zfs(options: ZfsOptions, arc_max_mib: int) -> dict[str, object]:
    return {
        "arc_max": arc_max_mib if options.arc_max_mib is None else options.arc_max_mib,
        "ashift": options.ashift,
        "checksum": options.checksum,
        "compress": options.compress,
        "copies": options.copies,
    }


def _first_boot(hook: FirstBoot | None) -> dict[str, object]:
    if hook is None:
        return {"enabled": 0}
    return {"enabled": 1, "ordering_target": ORDERING_TARGETS[hook.ordering]}
