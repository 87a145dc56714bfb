"""Area ``qemu-features``: what a machine looks like to its guest, read from the domain definition of production code.

Words of the area that depend on more than the definition: machines older than 10.0 are described by QEMU's older way
of naming disks (``cache``, ``media``). Storages are places of volumes here, made of the case's configuration: it has
kinds that the project has no driver for yet (CIFS, RBD).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from hostd.core.formats.keyvalue import QEMU_PENDING, parse_guest
from hostd.core.formats.propstring import parse as parts
from hostd.guests.qemu import config as keys
from hostd.guests.qemu.devices.cpu import parse_models
from hostd.guests.qemu.devices.disk import Source
from hostd.guests.qemu.devices.hostdevices import HostDevices, PciMapping
from hostd.guests.qemu.devices.machine import parse_version
from hostd.guests.qemu.devices.memory import spread
from hostd.guests.qemu.domain_xml import METADATA_NAMESPACE, domain_xml
from hostd.guests.qemu.facts import MachineFacts
from hostd.storage.volume import VolumeId

Case = dict[str, Any]
QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"
RBD_PORT = "3300"


# --- facts of the case


def source_of(volume: VolumeId, env: Case) -> Source:
    """Where a volume of one of the case's storages would be, and how it would be written."""
    storage = env["storages"][volume.storage]
    kind, name = storage["type"], volume.name
    format = name.rpartition(".")[2] if name.endswith((".raw", ".qcow2", ".vmdk")) else "raw"
    chain = env.get("volume_chains", {}).get(volume.storage)
    if kind in ("lvm", "lvmthin"):
        folder, aio = f"/dev/{storage['vgname']}", "native" if kind == "lvm" else "io_uring"
        below = tuple(f"{folder}/{snap}-{name}" for snap in snapshots(chain)) if format == "qcow2" else ()
        return Source(path=f"{folder}/{name}", format=format, block=True, aio=aio, backing=below)
    if kind == "rbd" and storage.get("krbd"):
        path = f"/dev/rbd-pve/{storage['fsid']}/{storage['pool']}/{name}"
        return Source(path=path, format="raw", block=True, aio_cached="threads")
    if kind == "rbd":
        hosts = tuple((host, RBD_PORT) for host in storage["monhost"].split(","))
        return Source(path=f"{storage['pool']}/{name}", format="raw", block=False, hosts=hosts)
    aio = "native" if kind == "cifs" else "io_uring"
    if name.startswith("iso/"):
        return Source(path=f"{storage['path']}/template/{name}", format="raw", block=False, aio=aio)
    folder, _, file = f"{storage['path']}/images/{name}".rpartition("/")
    below = tuple(f"{folder}/{snap}-{file}" for snap in snapshots(chain)) if format == "qcow2" else ()
    return Source(path=f"{folder}/{file}", format=format, block=False, aio=aio, backing=below)


def snapshots(chain: Mapping[str, str | None] | None) -> Iterator[str]:
    """Names of the snapshots below a volume, newest first."""
    at = (chain or {}).get("current")
    while at:
        yield at
        at = (chain or {}).get(at)


def pci_mapping(entry: Case, node: str) -> PciMapping:
    rows = [parts(text) for text in entry["map"]]
    return PciMapping(paths=[row["path"] for row in rows if row["node"] == node], mediated=bool(entry.get("mdev")))


def usb_ports(config: Mapping[str, str]) -> dict[str, int]:
    """Each port that the configuration names has a device, whose number tells the port."""
    texts = [value for key, value in config.items() if key.startswith("usb")]
    return {f"{bus}-{port}": int(port) for text in texts for bus, port in re.findall(r"host=(\d+)-(\d+)", text)}


def facts_of(case: Case, config: Mapping[str, str]) -> MachineFacts:
    env = case.get("env", {})
    volumes = keys.volumes(keys.with_old_names(config), unused=False).values()
    mtus = env.get("bridge_mtu", {})
    bridges = {m for key, v in config.items() if key.startswith("net") for m in re.findall("bridge=([^,]+)", v)}
    node = env.get("node", "localhost")
    mappings = {name: pci_mapping(entry, node) for name, entry in env.get("pci_mappings", {}).items()}
    return MachineFacts(
        vmid=case["vmid"],
        kvm=True,
        sockets="/run",
        sources={name: source_of(VolumeId.parse(name), env) for name in volumes if not name.startswith("/")},
        bridge_mtus={bridge: mtus.get(bridge, mtus.get("*", 1500)) for bridge in bridges},
        arch=case.get("host_arch", "x86_64"),
        cpu_vendor=case.get("host_cpu_vendor", ""),
        qemu=parse_version(case["qemu_version"]) if "qemu_version" in case else None,
        cpu_models=parse_models(env.get("custom_cpu_models", "")),
        devices=HostDevices(pci=env.get("pci_devices", []), pci_mappings=mappings, usb_ports=usb_ports(config)),
        spice=True,
    )


# --- the definition, in the area's words


class Domain:
    """A definition with short ways to what is in it."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self.devices = root.find("devices") or Element("devices")
        self.machine = self.get("os/type", "machine")
        self.arch = self.get("os/type", "arch")
        match = re.search(r"(\d+)\.(\d+)\Z", self.machine)
        self.version = (int(match[1]), int(match[2])) if match else None

    def get(self, path: str, attribute: str = "") -> str:
        found = self.root.find(path)
        if found is None:
            return ""
        return found.get(attribute, "") if attribute else found.text or ""

    @property
    def old_words(self) -> bool:
        return self.version is not None and self.version < (10, 0)

    @property
    def kvm(self) -> bool:
        return self.root.get("type") == "kvm"

    @property
    def spice(self) -> bool:
        return self.devices.find("graphics[@type='spice']") is not None

    def arguments(self) -> list[str]:
        return [arg.get("value", "") for arg in self.root.iter(f"{QEMU}arg")]


def sub(found: Element, path: str, attribute: str = "") -> str:
    return Domain.get(_at(found), path, attribute)


def _at(found: Element) -> Domain:
    domain = Domain.__new__(Domain)
    domain.root = found
    return domain


def key_of(device: Element) -> str:
    return sub(device, "alias", "name").removeprefix("ua-")


def described(case: Case) -> Case:
    config = parse_guest(case["config"], pending=QEMU_PENDING).current
    domain = Domain(domain_xml(config, facts_of(case, config)))
    disks = {key_of(d): disk(d, domain) for d in domain.devices.findall("disk")}
    found: Case = {
        "vmid": domain.get("name").removeprefix("vm-"),
        "name": domain.get("title"),
        "machine": machine(domain),
        "vcpus": domain.get("vcpu", "current") or domain.get("vcpu"),
        "topology": topology(domain),
        "memory_mib": domain.get("memory"),
        "numa": numa(domain),
        "cpu": cpu(domain),
        **firmware(domain),
        "disks": disks,
        "scsi_controllers": scsi_controllers(domain),
        "iothreads": sorted({d["iothread"] for d in disks.values() if "iothread" in d}),
        "nics": {key_of(card): nic(card, domain) for card in domain.devices.findall("interface")},
        "hostpci": hostpci(domain),
        "usb": [usb(d) for d in domain.devices if is_usb(d)],
        "usb_controller": "xhci" if domain.devices.find("controller[@type='usb'][@index='1']") is not None else None,
        **screen(domain),
        "serial_ports": [d.tag for d in domain.devices.findall("serial")],
        "channel_ports": [sub(c, "target", "name") for c in domain.devices.findall("channel")],
        "boot_order": boot_order(domain),
        "boot_options": boot_options(domain),
        "smbios1": smbios(domain),
        "vmgenid": domain.get("genid"),
        "rtc": rtc(domain),
        "rng": rng(domain),
        "viommu": viommu(domain),
        "balloon": balloon(domain),
        "tablet": domain.devices.find("input[@type='tablet']") is not None,
        "tpm": domain.devices.find("tpm") is not None,
        "tpm_model": domain.get("devices/tpm", "model"),
        "discard_writes": "-snapshot" in domain.arguments(),
    }
    return {key: value for key, value in found.items() if value not in (None, "", False, {}, [])}


def machine(domain: Domain) -> Case:
    family = "q35" if "q35" in domain.machine else "virt" if domain.machine.startswith("virt") else "i440fx"
    kept = domain.root.find(f"metadata/{{{METADATA_NAMESPACE}}}machine")
    return {
        "family": family,
        "version": ".".join(map(str, domain.version)) if domain.version else None,
        "pve": kept.get("revision") if kept is not None else "0",
        "accel": None if domain.kvm else "tcg",
        "hpet": "off" if domain.root.find("clock/timer[@name='hpet'][@present='no']") is not None else None,
        "kernel-irqchip": "split" if domain.get("features/ioapic", "driver") == "qemu" else None,
    }


def topology(domain: Domain) -> Case:
    top = domain.root.find("cpu/topology")
    assert top is not None
    return {"sockets": top.get("sockets"), "cores": top.get("cores"), "maxcpus": domain.get("vcpu")}


def numa(domain: Domain) -> Case:
    pages = domain.get("memoryBacking/hugepages/page", "size")
    found: Case = {}
    for cell in domain.root.findall("cpu/numa/cell"):
        cpus = spread(cell.get("cpus", ""))
        row: Case = {"cpus": cell.get("cpus") if cpus else None, "size": f"{cell.get('memory')}M"}
        row["backend"] = "memory-backend-file" if pages else "memory-backend-ram"
        if pages:
            row["hugepages"] = f"{pages}kB"
        found[cell.get("id", "")] = row
    return found


HYPERV = {"vapic", "relaxed", "vpindex", "runtime", "synic", "stimer", "reset", "ipi"}


def cpu(domain: Domain) -> Case:
    root = domain.root.find("cpu")
    assert root is not None
    mode = root.get("mode")
    model = {"host-passthrough": "host", "maximum": "max"}.get(mode or "") or sub(root, "model")
    flags: Case = {f.get("name", ""): "on" if f.get("policy") == "require" else "off" for f in root.findall("feature")}
    if root.get("check") == "partial":
        flags["enforce"] = "on"
    if vendor := sub(root, "model", "vendor_id"):
        flags["vendor"] = vendor
    if domain.get("features/apic", "eoi"):
        flags["kvm_pv_eoi"] = domain.get("features/apic", "eoi")
        flags["kvm_pv_unhalt"] = domain.get("features/pvspinlock", "state")
    if domain.root.find("features/kvm/hidden") is not None:
        flags["kvm"] = "off"
    for row in domain.root.findall("features/hyperv/*"):
        if row.tag in HYPERV:
            flags[f"hv_{row.tag}"] = row.get("state")
        elif row.tag == "spinlocks":
            flags["hv_spinlocks"] = hex(int(row.get("retries", "0")))
        elif row.tag == "vendor_id":
            flags["hv_vendor_id"] = row.get("value")
        else:
            flags[f"hv-{row.tag}"] = row.get("state")
    if domain.root.find("clock/timer[@name='hypervclock']") is not None:
        flags["hv_time"] = "on"
    bits = root.find("maxphysaddr")
    if bits is not None and bits.get("mode") == "passthrough":
        flags["host-phys-bits"] = "true"
    elif bits is not None:
        flags["phys-bits"] = bits.get("bits")
    for argument in domain.arguments():
        if match := re.match(rf"{re.escape(model)}-\w+-cpu\.([\w-]+)=(.*)", argument):
            flags[match[1]] = match[2]
    return {"model": model, "flags": flags}


def firmware(domain: Domain) -> Case:
    code = domain.get("os/loader").rpartition("/")[2]
    if not code:
        return {"firmware": {"type": "bios"}}
    place = domain.root.find("os/nvram/source")
    path = "" if place is None else place.get("file") or place.get("dev")
    variables = {"format": domain.get("os/nvram", "format"), "source": path if domain.old_words else {"filename": path}}
    return {"firmware": {"type": "uefi", "code": code, "vars": variables}}


DEVICES = {"ide": "ide-hd", "sata": "ide-hd", "scsi": "scsi-hd", "virtio": "virtio-blk-pci"}


def disk(device: Element, domain: Domain) -> Case:
    cdrom = device.get("device") == "cdrom"
    bus = sub(device, "target", "bus")
    model = DEVICES[bus].replace("-hd", "-cd") if cdrom else DEVICES[bus]
    driver, place = device.find("driver"), device.find("source")
    if driver is None or place is None:
        return {"device": model, "aio": "io_uring", "media": "cdrom"} if domain.old_words else {
            "device": model, "empty": True}  # fmt: skip
    network = device.get("type") == "network"
    cache = driver.get("cache", "writeback")
    found: Case = {
        "device": model,
        "aio": driver.get("io"),
        "format": driver.get("type"),
        "source": rbd(place) if network else {"filename": place.get("file") or place.get("dev")},
        "detect_zeroes": driver.get("detect_zeroes"),
        "discard": driver.get("discard"),
        "iothread": thread(device, driver, domain),
        "serial": sub(device, "serial") or None,
    }
    if domain.old_words:
        discard = {"unmap": "on", "ignore": None}.get(driver.get("discard", ""))
        found |= {"cache": driver.get("cache"), "discard": discard, "media": "cdrom" if cdrom else None}
    else:
        found |= {
            "protocol": "rbd" if network else "host_device" if device.get("type") == "block" else "file",
            "cache_direct": cache in ("none", "directsync"),
            "cache_no_flush": cache == "unsafe",
            "read_only": device.find("readonly") is not None,
            "write_cache": None if cdrom else "off" if cache in ("writethrough", "directsync") else "on",
            "backing_chain": list(chain(device)) or None,
        }
    return {key: value for key, value in found.items() if value is not None}


def thread(device: Element, driver: Element, domain: Domain) -> str | None:
    if driver.get("iothread"):
        return f"iothread-{key_of(device)}"
    index = sub(device, "address", "controller")
    controller = domain.devices.find(f"controller[@type='scsi'][@index='{index}']/driver[@iothread]")
    used = sub(device, "target", "bus") == "scsi" and controller is not None
    return f"iothread-virtioscsi{index}" if used else None


def chain(device: Element) -> Iterator[str]:
    below = device.find("backingStore")
    while below is not None and below.find("source") is not None:
        yield sub(below, "source", "file") or sub(below, "source", "dev")
        below = below.find("backingStore")


def rbd(place: Element) -> Case:
    pool, _, image = place.get("name", "").partition("/")
    hosts = [{"host": h.get("name"), "port": h.get("port")} for h in place.findall("host")]
    return {"pool": pool, "image": image, "server": hosts, "auth-client-required": ["none"]}


SCSI = {"lsilogic": "lsi", "virtio-scsi": "virtio-scsi-pci", "lsisas1078": "megasas", "vmpvscsi": "pvscsi"}


def scsi_controllers(domain: Domain) -> list[Case]:
    found = domain.devices.findall("controller[@type='scsi']")
    return [{"model": SCSI[c.get("model", "")], "iothread": int(bool(sub(c, "driver", "iothread")))} for c in found]


def nic(card: Element, domain: Domain) -> Case:
    driver = card.find("driver")
    found = dict(driver.attrib) if driver is not None else {}
    model = sub(card, "model", "type")
    return found | {
        "ifname": sub(card, "target", "dev"),
        "mac": sub(card, "mac", "address").upper(),
        "model": model,
        "mtu": sub(card, "mtu", "size") or None,
        "vhost": "on" if domain.kvm and model == "virtio" else None,
    }


def hostpci(domain: Domain) -> Case:
    shown = {d.get("alias"): d for d in domain.root.findall(f"{QEMU}override/{QEMU}device")}
    found: Case = {}
    for device in domain.devices.findall("hostdev"):
        if device.get("type") not in ("pci", "mdev"):
            continue
        place = device.find("source/address")
        assert place is not None
        if device.get("type") == "mdev":
            row: Case = {"sysfsdev": f"/sys/bus/mdev/devices/{place.get('uuid')}"}
        else:
            domain_id, bus, slot, function = (
                place.get(n, "").removeprefix("0x") for n in ("domain", "bus", "slot", "function")
            )
            row = {"host": f"{domain_id}:{bus}:{slot}.{function}", "multifunction": None}
            own = device.find("address")
            row["multifunction"] = own.get("multifunction") if own is not None else None
        if sub(device, "rom", "bar") == "off":
            row["rombar"] = "0"
        alias = sub(device, "alias", "name")
        for row_property in shown[alias].iter(f"{QEMU}property") if alias in shown else ():
            row[row_property.get("name", "")] = f"{int(row_property.get('value', '0')):#06x}"
        found[key_of(device).replace("-", ".")] = row
    return found


def is_usb(device: Element) -> bool:
    return device.tag == "redirdev" or (device.tag == "hostdev" and device.get("type") == "usb")


def usb(device: Element) -> Case:
    if device.tag == "redirdev":
        return {"kind": "usb-redir"}
    place = device.find("source/address")
    if place is not None:
        return {"kind": "usb-host", "hostbus": place.get("bus"), "hostport": place.get("device")}
    ids = {"vendorid": sub(device, "source/vendor", "id"), "productid": sub(device, "source/product", "id")}
    return {"kind": "usb-host", **ids}


def screen(domain: Domain) -> Case:
    videos = domain.devices.findall("video/model")
    if [v.get("type") for v in videos] == ["none"]:
        return {"video": ["none"], "display": "none"}
    names = {"vga": "VGA", "cirrus": "cirrus-vga", "vmvga": "vmware-svga"}
    names["virtio"] = "virtio-gpu" if domain.arch == "aarch64" else "virtio-vga"
    found = []
    for video in videos:
        if video.get("type") == "qxl":
            found.append({"model": "qxl-vga" if video.get("primary") else "qxl", "max_outputs": video.get("heads")})
        else:
            found.append({"model": names[video.get("type", "")]})
    vnc = domain.devices.find("graphics[@type='vnc']") is not None
    return {"video": found, "vnc": vnc, "spice": domain.spice}


def boot_order(domain: Domain) -> list[str]:
    places = [(int(sub(d, "boot", "order")), key_of(d)) for d in domain.devices if d.find("boot") is not None]
    return [name for _, name in sorted(places)]


def boot_options(domain: Domain) -> Case:
    """libvirt always says strict."""
    menu = "on" if domain.get("os/bootmenu", "enable") == "yes" else "off"
    return {"menu": menu, "reboot-timeout": domain.get("os/bios", "rebootTimeout"), "strict": "on"}


def smbios(domain: Domain) -> Case:
    return {row.get("name", ""): row.text for row in domain.root.findall("sysinfo/system/entry")}


def rtc(domain: Domain) -> Case:
    found: Case = {}
    if domain.get("clock", "offset") == "localtime":
        found["base"] = "localtime"
    if domain.root.find("clock/timer[@name='rtc'][@tickpolicy='catchup']") is not None:
        found["driftfix"] = "slew"
    return found


def rng(domain: Domain) -> Case:
    device = domain.devices.find("rng")
    if device is None:
        return {}
    rate = device.find("rate")
    limits = {} if rate is None else {"max_bytes": rate.get("bytes"), "period": rate.get("period")}
    return {"source": sub(device, "backend"), **limits}


def viommu(domain: Domain) -> Case:
    device = domain.devices.find("iommu")
    if device is None:
        return {}
    driver = device.find("driver")
    options = {} if driver is None else {key.replace("_", "-"): value for key, value in driver.attrib.items()}
    return {"model": {"intel": "intel-iommu", "virtio": "virtio-iommu"}[device.get("model", "")], **options}


def balloon(domain: Domain) -> Case:
    reporting = domain.get("devices/memballoon", "freePageReporting")
    return {"free_page_reporting": reporting} if reporting else {}


OPERATIONS: dict[str, Callable[[Case], object]] = {"qemu-features": described}
