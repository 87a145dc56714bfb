"""A tiny Linux for guests of tests: Debian's kernel and busybox, as an ISO that boots on BIOS and UEFI.

It says ``HOLDFAST-TINY ready`` on both consoles, writes a mark to each disk it finds, reads it back and says
``disk vda ok 1073741824`` (bytes), counts ``tick N`` each second, and powers off when it reads ``off`` on the serial
line.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

MODULES = (
    "virtio_pci",
    "virtio_blk",
    "virtio_scsi",
    "sd_mod",
    "sr_mod",
    "ahci",
    "ata_piix",
    "virtio_net",
    "virtio_console",
    "virtio_balloon",
)
INIT = """#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
say() { echo "$@" > /dev/ttyS0; echo "$@" > /dev/tty0; }
for m in %s; do modprobe -q "$m"; done
sleep 2
say "HOLDFAST-TINY ready"
for b in /sys/block/vd* /sys/block/sd*; do
    [ -e "$b/size" ] || continue
    d=${b##*/}
    before=$(dd if=/dev/$d bs=16 count=1 2>/dev/null | tr -d '\\000')
    say "disk $d had [$before]"
    printf 'holdfast-mark-01' | dd of=/dev/$d bs=16 count=1 conv=notrunc,fsync 2>/dev/null
    got=$(dd if=/dev/$d bs=16 count=1 2>/dev/null)
    [ "$got" = holdfast-mark-01 ] && say "disk $d ok $(($(cat $b/size) * 512))"
done
( while read -r line; do say "got $line"; [ "$line" = off ] && poweroff -f; done < /dev/ttyS0 ) &
n=0
while sleep 1; do n=$((n+1)); say "tick $n"; done
"""
# In place of that: what comes on the serial line is done, and how it ended is said. A line that came in pieces (its
# beginning is lost while the driver starts) may end the shell that reads it: another one takes its place.
SHELL = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mkdir -p /tmp /run
for m in %s; do modprobe -q "$m"; done
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
stty -echo
echo "HOLDFAST-SHELL ready"
while :; do sh -c 'while read -r line; do eval "$line"; done'; done
"""
GRUB = """serial --unit=0 --speed=115200
terminal_output console serial
set timeout=0
menuentry tiny {
    linux /vmlinuz console=tty0 console=ttyS0,115200 quiet mitigations=off tsc=reliable APPEND
    initrd /initrd
}
"""


def _run(*argv: str | Path, input: bytes | None = None) -> bytes:
    done = subprocess.run([str(a) for a in argv], input=input, capture_output=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr.decode(errors='replace')}"
    return done.stdout


def kernel_package(cache: Path) -> Path:
    """The newest kernel package that the build has fetched."""
    found = sorted(cache.glob("kernel/*/linux-image-*.deb"))
    assert found, f"no kernel package below {cache}/kernel; run `make iso` or `make dev` first"
    return found[-1]


PROGRAMS = ("sh", "mount", "modprobe", "sleep", "dd", "tr", "cat", "poweroff", "printf")


def build_boot_files(
    package: Path,
    work: Path,
    *,
    init: str = INIT,
    more: tuple[str, ...] = (),
    programs: Mapping[str, str] | None = None,
    links: Sequence[str] = PROGRAMS,
    files: Mapping[str, Path] | None = None,
) -> tuple[Path, Path]:
    """Kernel and initial RAM disk of the tiny system, made in ``work``.

    ``init``: its first program, with a place for the names of modules, which are ``MODULES`` and ``more``.
    ``programs``: scripts by name, ``init`` may be among them. ``links``: busybox's commands in it. ``files``: path
    inside → file of this machine, to be there as well.
    """
    unpacked, root = work / "kernel", work / "root"
    for folder in (unpacked, root / "bin", root / "proc", root / "sys", root / "dev", root / "lib"):
        folder.mkdir(parents=True, exist_ok=True)
    _run("dpkg-deb", "-x", package, unpacked)
    version = next((unpacked / "usr/lib/modules").iterdir()).name
    (unpacked / "lib").symlink_to("usr/lib") if not (unpacked / "lib").exists() else None
    _run("depmod", "-b", unpacked, version)
    needed: list[str] = []
    for module in (*MODULES, *more):
        shown = _run("modprobe", "-d", unpacked, "-S", version, "--show-depends", module).decode()
        needed += [line.split()[1] for line in shown.splitlines() if line.startswith("insmod ")]
    for name in dict.fromkeys(needed):
        target = root / "lib/modules" / version / Path(name).name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, target)
    for compressed in (root / "lib/modules" / version).glob("*.xz"):
        _run("xz", "-d", compressed)
    _run("depmod", "-b", root, version)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for name in links:
        link = root / "bin" / name
        if not link.exists():
            link.symlink_to("busybox")
    for inside, file in (files or {}).items():
        (root / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, root / inside)
    for name, text in {"init": init, **(programs or {})}.items():
        (root / name).write_text(text.replace("%s", " ".join((*MODULES, *more))))
        (root / name).chmod(0o755)
    names = "\n".join(str(p.relative_to(root)) for p in sorted(root.rglob("*"))).encode()
    archive = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"], input=names, cwd=root, capture_output=True, check=True
    )
    (work / "initrd").write_bytes(archive.stdout)
    return next((unpacked / "boot").glob("vmlinuz-*")), work / "initrd"


def build_iso(
    package: Path, work: Path, *, init: str = INIT, more: tuple[str, ...] = (), files: Mapping[str, Path] | None = None
) -> Path:
    """The tiny system as an ISO that boots as a CD and as a disk, made in ``work``; the rest as above."""
    return iso_of(build_boot_files(package, work, init=init, more=more, files=files), work)


def iso_of(boot_files: tuple[Path, Path], work: Path, *, append: str = "") -> Path:
    """An ISO of what `build_boot_files` made in ``work``; ``append``: to the kernel's line."""
    kernel, initrd = boot_files
    tree = work / "iso"
    (tree / "boot/grub").mkdir(parents=True, exist_ok=True)
    shutil.copy(kernel, tree / "vmlinuz")
    shutil.copy(initrd, tree / "initrd")
    (tree / "boot/grub/grub.cfg").write_text(GRUB.replace("APPEND", append))
    target = work / "tiny.iso"
    _run("grub-mkrescue", "-o", target, tree)
    return target


def build_template(work: Path, *, tick: str = "echo $n > /tmp/ticks", begin: str = "") -> Path:
    """A container template: busybox with an init that says ``HOLDFAST-CT ready`` and stays.

    ``begin``: what it does first; ``tick``: what it does each second, ``$n`` counts.
    """
    root = work / "template"
    for folder in ("bin", "sbin", "etc", "proc", "sys", "dev", "tmp", "var", "root"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for name in ("sh", "cat", "echo", "sleep", "hostname", "ip", "id", "touch", "ls", "mount", "poweroff"):
        (root / "bin" / name).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/os-release").write_text('ID=busybox\nPRETTY_NAME="Holdfast test template"\n')
    init = root / "sbin/init"
    # SIGPWR is how LXC asks an init to shut down (lxc.signal.halt)
    init.write_text(
        f"#!/bin/sh\ntrap 'exit 0' PWR TERM\n{begin}\necho HOLDFAST-CT ready > /dev/console\n"
        f"n=0\nwhile :; do n=$((n+1)); {tick}; sleep 1; done\n"
    )
    init.chmod(0o755)
    target = work / "tiny-ct.tar.gz"
    _run("tar", "-C", root, "--owner=0", "--group=0", "--numeric-owner", "-czf", target, ".")
    return target


def with_libraries(program: Path, inside: str) -> dict[str, Path]:
    """``files`` for a program of this machine: itself at ``inside``, and every library that it needs where it is."""
    needed = _run("ldd", program).decode()
    libraries = re.findall(r"(/\S+) \(0x", needed)
    return {inside: program, **{path.lstrip("/"): Path(path) for path in libraries}}
