"""The ISO image: a medium that starts from BIOS and UEFI, as an optical disc or written to a USB stick."""

from __future__ import annotations

import functools
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from imagebuild import kernel, packages, tools
from imagebuild.cache import digest, prune, source_date
from imagebuild.context import Context
from imagebuild.control import parse_stanzas
from imagebuild.progress import stage
from imagebuild.shell import output
from imagebuild.steps import boot, product, squash, system

FORMAT = 1
LABEL = "HOLDFAST"
SIZE_LIMIT = 1_000_000_000


@functools.cache
def place(ctx: Context) -> Path:
    key = digest(FORMAT, squash.product_place(ctx).name, squash.live_place(ctx).name, boot.place(ctx).name)
    return ctx.place("iso", f"holdfast-{packages.version(ctx)}-{ctx.profile.name}-{key}.iso")


def contents(ctx: Context) -> dict[str, Path]:
    """Path on the medium → file or folder, except the few small texts written by `run`."""
    abi = ctx.profile.kernel
    root = system.place(ctx)
    start = boot.place(ctx)
    return {
        "/live/filesystem.squashfs": squash.product_place(ctx),
        "/live/live.squashfs": squash.live_place(ctx),
        "/live/vmlinuz": root / f"boot/vmlinuz-{abi}",
        "/live/initrd.img": root / f"boot/initrd.img-{abi}",
        "/boot/grub/grub.cfg": start / "grub.cfg",
        "/boot/grub/eltorito.img": start / "eltorito.img",
        "/boot/grub/efi.img": start / "efi.img",
        "/repository": product.repository_place(ctx),
    }


def xorriso_argv(target: Path, hybrid: Path, grafts: dict[str, Path]) -> list[str]:
    """xorriso(1) as mkisofs: El Torito for both firmwares, MBR code and a GPT entry for the EFI image inside.

    The same options as grub-mkrescue(1) uses, with our own (signed) EFI image.
    """
    return [
        "xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-joliet-long", "-V", LABEL, "-o", str(target),
        "-b", "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
        "--grub2-boot-info", "--grub2-mbr", str(hybrid),
        "--efi-boot", "boot/grub/efi.img", "-efi-boot-part", "--efi-boot-image", "--protective-msdos-label",
        "-graft-points", *(f"{inside}={path}" for inside, path in sorted(grafts.items())),
    ]  # fmt: skip


def manifest(ctx: Context) -> dict[str, object]:
    """What the medium is made of: versions, packages of the installed system, checksums of the large files."""
    pair = kernel.pair_in(kernel.place(ctx))
    return {
        "product": "Holdfast",
        "version": packages.version(ctx),
        "profile": ctx.profile.name,
        "commit": output(["git", "-c", f"safe.directory={ctx.source}", "rev-parse", "HEAD"], cwd=ctx.source).strip(),
        "date": datetime.fromtimestamp(source_date(ctx), UTC).isoformat(),
        "kernel": {"abi": pair.abi, "version": pair.kernel_version, "zfs": pair.zfs_version},
        "packages": installed(product.place(ctx) / "var/lib/dpkg/status"),
        "sha256": {name: sha256(path) for name, path in sorted(contents(ctx).items()) if path.is_file()},
    }


def installed(status: Path) -> list[dict[str, str]]:
    """Name, version and architecture of each installed package in a dpkg status file, sorted by name."""
    return [
        {"name": s["Package"], "version": s["Version"], "architecture": s["Architecture"]}
        for s in sorted(parse_stanzas(status.read_text()), key=lambda s: (s["Package"], s.get("Architecture", "")))
        if s.get("Status", "").endswith(" installed")
    ]


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest_place(iso: Path) -> Path:
    return iso.with_suffix(".manifest.json")


def run(ctx: Context) -> None:
    """Write the ISO and, beside it, its manifest and checksum."""
    target = place(ctx)
    if target.is_file():
        return
    log = ctx.place("logs", "image-iso.log")
    log.unlink(missing_ok=True)
    texts = ctx.place("build-image", "texts", "x").parent
    with stage(ctx.cache, "image: ISO"):
        about = json.dumps(manifest(ctx), indent=1) + "\n"
        files = {
            "/.disk/info": f"Holdfast {packages.version(ctx)}\n",
            "/live/filesystem.module": "filesystem.squashfs\nlive.squashfs\n",
            "/holdfast-manifest.json": about,
        }
        grafts = contents(ctx)
        for inside, text in files.items():
            grafts[inside] = texts / inside.strip("/").replace("/", "_")
            grafts[inside].write_text(text)
        partial = target.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        argv = xorriso_argv(partial, boot.place(ctx) / "boot_hybrid.img", grafts)
        tools.inside(ctx, argv, log=log, env={"SOURCE_DATE_EPOCH": str(source_date(ctx))})
        manifest_place(target).write_text(about)
        target.with_suffix(".sha256").write_text(f"{sha256(partial)}  {target.name}\n")
        partial.rename(target)
    for old in prune(target, f"holdfast-*-{ctx.profile.name}-*.iso"):
        manifest_place(old).unlink(missing_ok=True)
        old.with_suffix(".sha256").unlink(missing_ok=True)
