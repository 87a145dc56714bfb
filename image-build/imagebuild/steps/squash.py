"""The two file system images of the medium.

``filesystem.squashfs`` is what runs live and what an installation unpacks; ``live.squashfs`` holds only the differences
of the live system (installer, log-in without password) and is laid over it by live-boot.
"""

from __future__ import annotations

from pathlib import Path

from imagebuild import layer
from imagebuild.cache import prune
from imagebuild.context import Context
from imagebuild.progress import stage
from imagebuild.steps import live, product

LEFT_OUT = [
    *(f"{folder}/*" for folder in ("dev", "proc", "run", "sys", "tmp", "var/cache/apt", "var/lib/apt/lists")),
    "var/lib/dpkg/*-old",
]


def product_place(ctx: Context) -> Path:
    return ctx.place("image", f"{product.place(ctx).name}.squashfs")


def live_place(ctx: Context) -> Path:
    return ctx.place("image", f"{live.place(ctx).name}.squashfs")


def run(ctx: Context) -> None:
    log = ctx.place("logs", "image-squashfs.log")
    log.unlink(missing_ok=True)
    jobs = [(product.layers(ctx), product_place(ctx)), ([live.place(ctx)], live_place(ctx))]
    for layers, target in jobs:
        if target.is_file():
            continue
        with stage(ctx.cache, f"image: pack {'installed system' if len(layers) > 1 else 'live system'}"):
            layer.squash(ctx, layers, target, leave_out=LEFT_OUT, log=log)
        prune(target, f"{target.name.split('-')[0]}-*.squashfs")
