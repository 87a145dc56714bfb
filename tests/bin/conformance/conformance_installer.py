"""Area ``installer``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from hostd.core.errors import HostError, ParseError
from installer.addresses import parse_address, parse_prefix
from installer.answers import Filesystem, LvmOptions, RaidLevel, parse_answers
from installer.disk_rules import check_boot_disks, check_raid_disks
from installer.hostname import parse_fqdn
from installer.kernel_cmdline import parse_kernel_cmdline
from installer.locales import Locales
from installer.lvm_sizes import lvm_sizes
from installer.machine import Disk, Firmware, Machine, NetworkFacts, Nic, Route
from installer.network_defaults import network_defaults
from installer.nic_names import check_pin_map
from installer.reference_config import to_reference
from installer.resolve import resolve
from installer.zfs_memory import clamp_arc_mib, default_arc_mib
from installer.zpool import parse_zpool_import

Case = dict[str, Any]
SECTOR = 512


def valid(check: Any, *arguments: object) -> int:
    try:
        check(*arguments)
    except HostError:
        return 0
    return 1


def answer_to_config(case: Case) -> object:
    answers = parse_answers(case["answer"])
    machine = machine_of(case["run_env"], case["udev"])
    locales = Locales(
        countries=frozenset(case["locales"]["country"]),
        zones=frozenset(zone for zones in case["locales"]["cczones"].values() for zone in zones),
        keymaps=frozenset(case["locales"]["kmap"]),
    )
    target = resolve(machine, answers, locales)
    return to_reference(target, machine, arc_max_mib=case["run_env"]["default_zfs_arc_max"])


def machine_of(run_env: Case, udev: Case) -> Machine:
    network = run_env["network"]
    nics = tuple(
        Nic(
            name=nic["name"],
            mac=nic["mac"],
            index=int(nic["index"]),
            number=int(nic.get("pinned_id") or 0),
            driver=nic.get("driver", ""),
            state=nic.get("state", ""),
            addresses=tuple(f"{a['address']}/{a['prefix']}" for a in nic.get("addresses", ())),
            udev=udev["nics"].get(nic["name"], {}),
        )
        for nic in network["interfaces"].values()
    )
    disks = tuple(
        Disk(
            path=path,
            size_bytes=sectors * SECTOR,
            model=model,
            block_size=block_size,
            udev=udev["disks"].get(str(index), {}),
        )
        for index, path, sectors, model, block_size, _ in run_env["disks"]
    )
    routes = network.get("routes") or {}
    return Machine(
        firmware=Firmware(run_env["boot_type"]),
        memory_mib=int(run_env["total_memory"]),
        disks=disks,
        network=NetworkFacts(
            nics=nics,
            gateway4=route_of(routes.get("gateway4")),
            gateway6=route_of(routes.get("gateway6")),
            dns_servers=tuple(network["dns"].get("dns") or ()),
            dns_domain=network["dns"].get("domain") or "",
            dhcp_hostname=network.get("hostname") or "",
        ),
    )


def route_of(route: Mapping[str, str] | None) -> Route | None:
    return Route(dev=route["dev"], gateway=route["gateway"]) if route else None


def network_defaults_of(case: Case) -> object:
    facts = NetworkFacts(
        nics=tuple(
            Nic(name=n["name"], mac=n["mac"], index=int(n["index"]), state=n["state"], addresses=tuple(n["addresses"]))
            for n in case["interfaces"]
        ),
        gateway4=route_of(case["gateway4"]),
        gateway6=route_of(case["gateway6"]),
        dns_servers=tuple(case["dns"]["servers"] or ()),
        dns_domain=case["dns"]["domain"] or "",
        dhcp_hostname=case["dhcp_hostname"] or "",
    )
    result = network_defaults(
        facts,
        host=case["product"],
        default_domain=case["default_domain"] or "",
        fallback_domain=case["fallback_domain"],
    )
    return {
        "ifname": result.ifname,
        "fqdn": str(result.fqdn),
        "address": str(result.address),
        "gateway": str(result.gateway),
        "dns_server": str(result.dns_server),
    }


def fqdn(case: Case) -> object:
    result = parse_fqdn(text(case, "fqdn"))
    return {"host": result.host, "domain": result.domain}


def text(case: Case, key: str) -> str:
    if not isinstance(case.get(key), str):
        raise ParseError(f"{key} is not given")
    return cast(str, case[key])


def version(case: Case) -> int | None:
    return int(case["version"]) if case.get("version") else None


def ip_address(case: Case) -> object:
    result = parse_address(text(case, "text"), version(case))
    return {"address": result.text, "version": result.version}


def kernel_cmdline(case: Case) -> object:
    result = parse_kernel_cmdline(case["cmdline"], case["product"])
    return {"target_cmdline": result.target, "filesys": result.filesystem or None, **result.sizes}


def lvm_layout(case: Case) -> object:
    wanted = {f"{key}_gib": float(value) for key, value in case["options_gib"].items()}
    sizes = lvm_sizes(
        disk_kib=int(case["disk_kib"]),
        partition_kib=int(case["lvm_partition_kib"]),
        memory_mib=int(case["total_memory_mib"]),
        options=LvmOptions(**wanted),
        product=case["product"],
    )
    return {
        "swap_kib": sizes.swap_kib,
        "root_kib": sizes.root_kib,
        "data_kib": sizes.data_kib or None,
        "metadata_kib": sizes.metadata_kib or None,
    }


def raid_disks(case: Case) -> object:
    disks = [
        Disk(path=d["path"], size_bytes=int(float(d["size_gib"]) * 2**30), block_size=d["block_size"])
        for d in case["disks"]
    ]
    return valid(check_raid_disks, Filesystem(case["filesystem"]), RaidLevel(case["level"]), disks)


def boot_disks(case: Case) -> object:
    disks = [
        Disk(path=f"/dev/disk{n}", size_bytes=0, block_size=int(size) if size else None)
        for n, size in enumerate(case["block_sizes"])
    ]
    return valid(check_boot_disks, Firmware(case["boot"]), disks)


OPERATIONS = {
    "answer-to-config": answer_to_config,
    "fqdn-parse": fqdn,
    "interface-pin-map-valid": lambda case: valid(check_pin_map, case["mapping"]),
    "ip-address-parse": ip_address,
    "ip-mask-parse": lambda case: parse_prefix(text(case, "text"), version(case) or 4),
    "kernel-cmdline-parse": kernel_cmdline,
    "zfs-arc-default": lambda case: default_arc_mib(int(case["total_memory_mib"]), case["product"]),
    "zfs-arc-clamp": lambda case: clamp_arc_mib(int(case["arc_mib"]), int(case["total_memory_mib"])),
    "lvm-layout": lvm_layout,
    "zpool-import-parse": lambda case: [
        {"name": p.name, "id": p.id, "state": p.state} for p in parse_zpool_import(case["output"])
    ],
    "raid-disks-valid": raid_disks,
    "disks-4kn-boot-valid": boot_disks,
    "network-defaults": network_defaults_of,
}
