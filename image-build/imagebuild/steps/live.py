"""The live system's own layer: installer and what only the medium needs. It is never copied to a disk."""

from __future__ import annotations

import functools
from pathlib import Path

from imagebuild import layer
from imagebuild.cache import digest, prune, tree_digest
from imagebuild.context import Context
from imagebuild.progress import stage
from imagebuild.steps import product

FORMAT = 2
FILES = "image-build/live"


@functools.cache
def place(ctx: Context) -> Path:
    files = tree_digest(ctx.source / FILES)
    return ctx.place("image", f"live-{digest(FORMAT, product.place(ctx).name, files)}")


def layers(ctx: Context) -> list[Path]:
    return [place(ctx), *product.layers(ctx)]


def run(ctx: Context) -> None:
    target = place(ctx)
    if target.is_dir():
        return
    log = ctx.place("logs", "image-live.log")
    log.unlink(missing_ok=True)
    recipe = layer.Recipe(
        lower=[str(p) for p in product.layers(ctx)],
        overlays=[str(ctx.source / FILES)],
        repository=str(product.repository_place(ctx)),
        commands=[*product.install_commands(("hostd-installer",), ctx.profile.suite), product.UP_TO_DATE],
    )
    with stage(ctx.cache, "image: installer"):
        layer.build(ctx, recipe, target, log=log)
    prune(target, "live-*")
