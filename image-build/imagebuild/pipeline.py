"""The image build: a flat list of steps, each ``(ctx) -> None``, each doing nothing where the cache has its result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from imagebuild import kernel
from imagebuild.cache import alone
from imagebuild.context import Context
from imagebuild.shell import StepFailed
from imagebuild.steps import base, boot, live, medium, product, squash, system, template


def kernel_pair(ctx: Context) -> None:
    kernel.build(ctx)


STEPS: Final[tuple[Callable[[Context], None], ...]] = (
    base.run,
    kernel_pair,
    template.run,
    system.run,
    product.make_repository,
    product.run,
    live.run,
    squash.run,
    boot.run,
    medium.run,
)


def make_template(ctx: Context) -> Path:
    """Return the container template, making it where the cache lacks it."""
    with alone(ctx, "image"):
        template.run(ctx)
    return template.place(ctx)


def iso(ctx: Context) -> Path:
    """Return the ISO image of exactly this checkout, building what the cache lacks."""
    with alone(ctx, "image"):
        for step in STEPS:
            step(ctx)
    target = medium.place(ctx)
    size = target.stat().st_size
    if size > medium.SIZE_LIMIT:
        raise StepFailed(f"{target} is {size / 1e6:.0f} MB; the limit is {medium.SIZE_LIMIT / 1e6:.0f} MB")
    return target
