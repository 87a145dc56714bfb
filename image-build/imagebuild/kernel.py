"""The kernel pair: Debian's signed kernel and the ZFS modules built for exactly that kernel (DESIGN #1).

`build` returns a folder of ``.deb`` files: the kernel itself as Debian built and signed it, and two of ours,
``holdfast-zfs-modules-ABI`` and ``holdfast-kernel`` (depends on exactly these two), and the ZFS programs of the version
the modules come from. All of them go into our repository, so that a host never finds one half of a pair.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from imagebuild import tools
from imagebuild.cache import apt_cache, clear, source_date
from imagebuild.context import Context
from imagebuild.control import parse_stanzas
from imagebuild.progress import stage
from imagebuild.shell import call, output

FORMAT = "1"
"""Raise when the content of the packages made here changes: it is part of the cache's key and of their versions."""

ZFS_PROGRAMS = ("zfsutils-linux", "zfs-initramfs", "zfs-zed", "libnvpair3linux", "libuutil3linux", "libzfs6linux",
                "libzpool6linux")  # fmt: skip
COMPILER = ("build-essential", "gcc-14", "bc", "file", "gawk", "kmod", "libelf1t64", "libssl3t64", "pahole")

MODULES_POSTINST = """#!/bin/sh
# Makes the modules known, and puts them into the initial RAM disk where that was made before they arrived.
set -e
abi="{abi}"
[ "$1" = configure ] || exit 0
depmod "$abi"
image="/boot/initrd.img-$abi"
if [ -e "$image" ] && ! lsinitramfs "$image" | grep -q '/zfs\\.ko'; then
    update-initramfs -u -k "$abi"
fi
"""

MODULES_POSTRM = """#!/bin/sh
set -e
abi="{abi}"
if [ "$1" = remove ] && [ -d "/usr/lib/modules/$abi/kernel" ]; then
    depmod "$abi"
fi
"""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """``abi`` as in ``uname -r``; ``kernel_version`` and ``zfs_version`` are Debian package versions."""

    abi: str
    kernel_version: str
    zfs_version: str

    @property
    def image_package(self) -> str:
        return f"linux-image-{self.abi}"

    @property
    def modules_package(self) -> str:
        return f"holdfast-zfs-modules-{self.abi}"

    @property
    def version(self) -> str:
        """Version of both packages made here: rises with the kernel, then with ZFS, then with `FORMAT`."""
        return f"{self.kernel_version}+zfs{self.zfs_version.replace('-', '~')}+holdfast{FORMAT}"

    def modules_control(self, installed_kib: int) -> str:
        """Control file of the module package. The programs must be of the modules' own upstream release."""
        upstream = self.zfs_version.rsplit("-", 1)[0]
        return _control(
            Package=self.modules_package,
            Version=self.version,
            Section="kernel",
            Depends=f"kmod, {self.image_package} (= {self.kernel_version})",
            Breaks=f"zfsutils-linux (<< {upstream}), zfsutils-linux (>> {upstream}.999)",
            Provides="zfs-modules",
            Installed_Size=str(installed_kib),
            Description=f"ZFS modules for Linux {self.abi}\n"
            f" The OpenZFS kernel modules of Debian's zfs-dkms {self.zfs_version}, built for exactly\n"
            f" the kernel package {self.image_package} {self.kernel_version}.",
        )

    def metapackage_control(self) -> str:
        """Control file of the package that hosts depend on: it allows a kernel only together with its modules."""
        return _control(
            Package="holdfast-kernel",
            Version=self.version,
            Section="metapackages",
            Depends=f"{self.image_package} (= {self.kernel_version}), {self.modules_package} (= {self.version})",
            Description="Holdfast kernel: Linux and its ZFS modules as one exact pair\n"
            " Depends on one version of the kernel and the ZFS modules built for it, so that an\n"
            " upgrade never boots a kernel that cannot read the root file system.",
        )


def _control(**fields: str) -> str:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    lines[1:1] = ["Source: holdfast-kernel", "Architecture: amd64", "Priority: optional"]
    lines[1:1] = ["Maintainer: Holdfast developers <developers@holdfast.invalid>"]
    return "\n".join(lines) + "\n"


def flavourless(abi: str) -> str:
    """``6.12.117+deb13-amd64`` → ``6.12.117+deb13``: the part in the names of common headers and kbuild."""
    match = re.fullmatch(r"(\d+\.\d+\.\d+\+[a-z0-9.]+)-([a-z0-9]+)", abi)
    if match is None:
        raise ValueError(f"{abi!r} is not the ABI name of a Debian kernel, like 6.12.117+deb13-amd64")
    return match[1]


def download_names(abi: str) -> list[str]:
    """Packages fetched for one pair: the kernel, what it takes to build against it, ZFS source and programs."""
    common = flavourless(abi)
    headers = [f"linux-headers-{abi}", f"linux-headers-{common}-common", f"linux-kbuild-{common}"]
    return [f"linux-image-{abi}", *headers, "zfs-dkms", *ZFS_PROGRAMS]


def place(ctx: Context) -> Path:
    """Where the packages of the profile's kernel pair are, or will be."""
    return ctx.place("kernel", f"{ctx.profile.kernel}-f{FORMAT}")


def build(ctx: Context) -> Path:
    """Return the folder with the packages of the profile's kernel pair, building the modules where it is missing."""
    target = place(ctx)
    if target.is_dir():
        return target
    work = ctx.place("build-kernel", ctx.profile.kernel)
    clear(work)
    work.mkdir(parents=True)
    tree, log = work / "tree", ctx.place("logs", f"kernel-{ctx.profile.kernel}.log")
    log.unlink(missing_ok=True)
    with stage(ctx.cache, f"kernel pair {ctx.profile.kernel}"):
        _compiler_tree(ctx, tree, log)
        pair, packages = _read_pair(ctx, tree)
        _compile(ctx, tree, pair, log)
        partial = work / "packages"
        partial.mkdir()
        for name in (pair.image_package, *ZFS_PROGRAMS):
            shutil.copy2(packages[name], partial)
        _make_modules_package(ctx, tree, pair, partial, log)
        _make_package(ctx, work / "meta", pair.metapackage_control(), {}, partial, log)
        partial.rename(target)
    clear(work)
    return target


def pair_in(folder: Path) -> Pair:
    """The pair whose packages lie in ``folder`` (a result of `build`), read from the module package's file names."""
    image = next(folder.glob("linux-image-*_amd64.deb"))
    zfs = next(folder.glob("zfsutils-linux_*_amd64.deb"))
    name, kernel_version = image.name.split("_")[:2]
    return Pair(
        abi=name.removeprefix("linux-image-"),
        kernel_version=kernel_version.replace("%3a", ":"),
        zfs_version=zfs.name.split("_")[1].replace("%3a", ":"),
    )


def _compiler_tree(ctx: Context, tree: Path, log: Path) -> None:
    """A Debian root with compiler, with the packages of `download_names` in ``/pool`` and the headers unpacked."""
    names = download_names(ctx.profile.kernel)
    download = f"cd /pool && apt-get download {' '.join(names)}"
    fetch = f'--customize-hook=mkdir "$1/pool" && chroot "$1" sh -c "{download}"'
    with apt_cache(ctx):
        argv = tools.mmdebstrap_argv(ctx, tree, COMPILER)
        call([*argv[:-5], fetch, *argv[-5:]], log=log)
    for name in names:
        if name.startswith(("linux-headers", "linux-kbuild", "zfs-dkms")):
            deb = next((tree / "pool").glob(f"{name}_*.deb"))
            call([*tools.enter_argv(ctx, tree, cwd=Path("/")), "dpkg-deb", "-x", f"/pool/{deb.name}", "/"], log=log,
                 env=tools.environment())  # fmt: skip


def _read_pair(ctx: Context, tree: Path) -> tuple[Pair, dict[str, Path]]:
    packages: dict[str, Path] = {}
    versions: dict[str, str] = {}
    for deb in sorted((tree / "pool").glob("*.deb")):
        stanza = parse_stanzas(output(["dpkg-deb", "-f", deb, "Package", "Version"]))[0]
        packages[stanza["Package"]] = deb
        versions[stanza["Package"]] = stanza["Version"]
    abi = ctx.profile.kernel
    return Pair(abi=abi, kernel_version=versions[f"linux-image-{abi}"], zfs_version=versions["zfs-dkms"]), packages


def _compile(ctx: Context, tree: Path, pair: Pair, log: Path) -> None:
    source = next((tree / "usr/src").glob("zfs-*"))
    inside = Path("/") / source.relative_to(tree)
    enter = [*tools.enter_argv(ctx, tree, cwd=inside), "nice"]
    headers = f"/usr/src/linux-headers-{pair.abi}"
    common = f"/usr/src/linux-headers-{flavourless(pair.abi)}-common"
    env = tools.environment({"SOURCE_DATE_EPOCH": str(source_date(ctx))})
    configure = ["./configure", "--with-config=kernel", f"--with-linux={common}", f"--with-linux-obj={headers}"]
    call([*enter, *configure], log=log, env=env)
    call([*enter, "make", "-j2"], log=log, env=env)


def _make_modules_package(ctx: Context, tree: Path, pair: Pair, target: Path, log: Path) -> None:
    root = tree.parent / "modules"
    folder = root / "usr/lib/modules" / pair.abi / "updates/holdfast"
    folder.mkdir(parents=True)
    for name in ("zfs.ko", "spl.ko"):
        built = next((tree / "usr/src").glob(f"zfs-*/module/{name}"))
        call(["strip", "--strip-debug", "-o", folder / name, built], log=log)
    size_kib = sum(f.stat().st_size for f in folder.iterdir()) // 1024
    copyright_file = next((tree / "usr/share/doc/zfs-dkms").glob("copyright"))
    doc = root / "usr/share/doc" / pair.modules_package
    doc.mkdir(parents=True)
    shutil.copy2(copyright_file, doc)
    scripts = {"postinst": MODULES_POSTINST.format(abi=pair.abi), "postrm": MODULES_POSTRM.format(abi=pair.abi)}
    _make_package(ctx, root, pair.modules_control(size_kib), scripts, target, log)


def _make_package(ctx: Context, root: Path, control: str, scripts: dict[str, str], target: Path, log: Path) -> None:
    """Turn the folder ``root`` into a ``.deb`` in ``target``."""
    debian = root / "DEBIAN"
    debian.mkdir(parents=True)
    (debian / "control").write_text(control)
    for name, text in scripts.items():
        (debian / name).write_text(text)
        (debian / name).chmod(0o755)
    env = tools.environment({"SOURCE_DATE_EPOCH": str(source_date(ctx))})
    call(["dpkg-deb", "--root-owner-group", "--build", root, target], log=log, env=env)
