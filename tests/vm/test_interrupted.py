"""The installer is killed (-9) in each of its stages, one after the other, and then succeeds from the same answer."""

from __future__ import annotations

import json
from dataclasses import replace

from imagebuild import answer
from imagebuild.vm import Disk, Firmware, Vm, make_disk
from pexpect import EOF

from tests.lib.waiting import eventually
from tests.vm.harness import DISK_GIB, INSTALL_LIMIT_S, LVM, Console, Host, Images, Lab, live

STAGES = ("partition", "format", "unpack", "configure", "boot")
STATUS = "/run/holdfast-installer/status.json"


def status(console: Console) -> dict[str, object]:
    text = console.run(f"cat {STATUS} 2>/dev/null || echo '{{}}'").strip()
    return dict(json.loads(text))


def test_killed_at_five_stages_then_installed(lab: Lab, images: Images) -> None:
    folder = lab.folder / "interrupted"
    folder.mkdir(exist_ok=True)
    text = LVM.answer(lab.public_key)
    medium = answer.put_on(lab.ctx, images.iso, text, folder / "answer.iso", choice="shell-serial", timeout_s=60)
    disk = Disk(path=make_disk(lab.ctx, folder / "disk1.qcow2", DISK_GIB), serial="HOLDFAST1")
    console = live(lab, medium, "interrupted", disks=[disk])
    try:
        console.shell()
        for stage in STAGES:
            console.run(f"rm -f {STATUS}; (setsid holdfast-installer --pause-at {stage} >/tmp/out 2>&1 &)")
            eventually(
                lambda: status(console).get("state") in ("paused", "failed"), INSTALL_LIMIT_S, f"pause at {stage}"
            )
            now = status(console)
            assert now["state"] == "paused", console.run("cat /tmp/out")
            assert now["stage"] == stage
            console.run(f"kill -9 {now['pid']}; sleep 1; ! test -d /proc/{now['pid']}")
        console.line.sendline("holdfast-installer --auto")
        # read on: what nobody reads stops the machine's serial line, and the installer with it
        console.line.expect(EOF, timeout=INSTALL_LIMIT_S)
        assert console.vm.wait_end(60), console.vm.spec.serial_log.read_text(errors="replace")[-3000:]
    finally:
        console.end()
    spec = lab.spec(folder, LVM, Firmware.BIOS)
    host = Host(lab, Vm.start(lab.ctx, replace(spec, disks=[disk])))
    try:
        host.wait_for_api()
        assert host.api().node == LVM.name
    finally:
        host.vm.kill()
    medium.unlink()
