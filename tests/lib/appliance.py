"""An OVA archive as other hypervisors export it: a description, and a disk in VMware's packed format."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

PROGRAMS = ("qemu-img",)
DISK = "appliance-disk1.vmdk"
_RASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
_DESCRIPTION = """<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:rasd="{rasd}">
  <References><File ovf:href="{disk}" ovf:id="f1"/></References>
  <DiskSection><Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="{size}"/></DiskSection>
  <VirtualSystem ovf:id="vm"><Name>given appliance</Name>
    <VirtualHardwareSection>
      <Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
      <Item><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>128</rasd:VirtualQuantity></Item>
      <Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceType>20</rasd:ResourceType></Item>
      <Item><rasd:InstanceID>4</rasd:InstanceID><rasd:ResourceType>17</rasd:ResourceType><rasd:Parent>3</rasd:Parent>
        <rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:HostResource>ovf:/disk/d1</rasd:HostResource></Item>
      <Item><rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceType>10</rasd:ResourceType>
        <rasd:ResourceSubType>E1000</rasd:ResourceSubType></Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
"""


def build(folder: Path, data: bytes, name: str = "appliance.ova") -> Path:
    """An archive whose one disk, at ``sata0``, has these contents; the machine has 2 cores and 128 MiB."""
    raw, disk = folder / "appliance.raw", folder / DISK
    raw.write_bytes(data)
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized"]
    subprocess.run([*convert, str(raw), str(disk)], check=True)
    description = folder / "appliance.ovf"
    description.write_text(_DESCRIPTION.format(rasd=_RASD, disk=DISK, size=len(data)))
    with tarfile.open(folder / name, "w") as archive:
        for path in (description, disk):  # the description comes first (OVF, DSP0243)
            archive.add(path, path.name)
    for path in (raw, disk, description):
        path.unlink()
    return folder / name
