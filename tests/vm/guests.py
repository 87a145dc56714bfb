"""Guests that these tests run on an installed host: a tiny machine and a tiny container on the installed pool."""

from __future__ import annotations

from pathlib import Path

from tests.lib import tinylinux
from tests.lib.apiclient import Api
from tests.lib.waiting import eventually
from tests.vm.harness import Host, Lab, Layout

VM, CT = 100, 101
SLOW_S = 900
"""An emulated host with nested virtualization takes its time."""


class Guests:
    """Creates, starts and looks at the two guests through the host's API and shell."""

    def __init__(self, lab: Lab, host: Host, layout: Layout, work: Path) -> None:
        self.host, self.work = host, work
        self.api: Api = host.api()
        self.pool = "local-lvm" if layout.filesystem == "ext4" else "local-zfs"
        self.iso = tinylinux.build_iso(tinylinux.kernel_package(lab.ctx.cache), work)
        self.template = tinylinux.build_template(work)

    def start_vm(self) -> None:
        """A machine with a disk on the pool; returns when its serial console has said that it wrote to the disk."""
        api, node = self.api, self.api.node
        api.upload("local", "iso", self.iso)
        api.wait(
            api.post(
                f"/nodes/{node}/qemu", vmid=VM, name="tiny", memory=256, cores=1, ostype="l26",
                scsihw="virtio-scsi-pci", scsi0=f"{self.pool}:1", ide2=f"local:iso/{self.iso.name},media=cdrom",
                boot="order=ide2", serial0="socket",
            ),
            SLOW_S,
        )  # fmt: skip
        api.wait(api.post(f"/nodes/{node}/qemu/{VM}/status/start"), SLOW_S)
        heard = api.terminal("qemu", VM, "disk sda ok 1073741824", timeout_s=SLOW_S)
        assert "disk sda had []" in heard or "disk sda ok" in heard

    def start_container(self) -> None:
        """A container with its root on the pool; returns when its init runs and a command ran inside."""
        api, node = self.api, self.api.node
        api.upload("local", "vztmpl", self.template)
        api.wait(
            api.post(
                f"/nodes/{node}/lxc", vmid=CT, hostname="tiny-ct", ostemplate=f"local:vztmpl/{self.template.name}",
                rootfs=f"{self.pool}:1", memory=128, swap=0, unprivileged=1, ostype="unmanaged",
            ),
            SLOW_S,
        )  # fmt: skip
        api.wait(api.post(f"/nodes/{node}/lxc/{CT}/status/start"), SLOW_S)
        said = eventually(lambda: self.host.ssh(f"lxc-attach -n {CT} -- /bin/hostname", check=False).strip(), 120)
        assert said == "tiny-ct"

    def states(self) -> dict[int, str]:
        """Guest id → state, as the API tells it."""
        return {row["vmid"]: row["status"] for row in self.api.get("/cluster/resources", type="vm")}

    def processes(self) -> dict[int, str]:
        """Guest id → process id and start time of its main process: equal as long as the guest was not restarted."""
        pids = {
            VM: self.host.ssh(f"cat /run/libvirt/qemu/vm-{VM}.pid").strip(),
            CT: self.host.ssh(f"lxc-info -n {CT} -p -H").strip(),
        }
        return {vmid: self.host.ssh(f"stat -c '%n %Z' /proc/{pid}").strip() for vmid, pid in pids.items()}

    def ticks(self) -> int:
        """How far the container's init has counted."""
        return int(self.host.ssh(f"lxc-attach -n {CT} -- /bin/cat /tmp/ticks"))

    def assert_alive(self, before: dict[int, str]) -> None:
        """Both run, are the same processes as ``before``, and still do something."""
        assert eventually(lambda: self.states() == {VM: "running", CT: "running"}, 180), self.states()
        assert self.processes() == before
        self.api.terminal("qemu", VM, "tick ", timeout_s=120)
        counted = self.ticks()
        assert eventually(lambda: self.ticks() > counted, 60)
