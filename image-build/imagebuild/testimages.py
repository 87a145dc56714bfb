"""What the tests of virtual machines need besides the ISO: an ISO with the previous kernel, and a second repository
with higher versions of our packages and the current kernel pair to upgrade to. Places in ``CACHE/vmtest/images.json``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from imagebuild import kernel, packages, pipeline, repository
from imagebuild.cache import digest, prune
from imagebuild.context import Context
from imagebuild.progress import stage

PREVIOUS = "previous-kernel"


def build(ctx: Context, *, upgrade: bool = True) -> Path:
    """Build what is missing and write the list of places; without ``upgrade`` only the ISO."""
    places = {"iso": str(pipeline.iso(ctx)), "kernel": ctx.profile.kernel, "version": packages.version(ctx)}
    if upgrade:
        previous = Context.load(PREVIOUS)
        places["previous_iso"] = str(pipeline.iso(previous))
        places["previous_kernel"] = previous.profile.kernel
        places["upgrade_version"] = f"{packages.version(ctx)}+upgrade1"
        places["upgrade_repository"] = str(_upgrade_repository(ctx, places["upgrade_version"]))
    target = ctx.place("vmtest", "images.json")
    if not upgrade and target.exists():
        places = {**json.loads(target.read_text()), **places}
    target.write_text(json.dumps(places, indent=1) + "\n")
    return target


def _upgrade_repository(ctx: Context, version: str) -> Path:
    pair = kernel.build(ctx)
    before = os.environ.get("HOLDFAST_VERSION")
    os.environ["HOLDFAST_VERSION"] = version
    try:
        debs = packages.build(ctx)
    finally:
        os.environ.pop("HOLDFAST_VERSION")
        if before is not None:
            os.environ["HOLDFAST_VERSION"] = before
    target = ctx.place("vmtest", f"repository-{digest(debs.name, pair.name)}")
    if not target.is_dir():
        with stage(ctx.cache, "tests: repository with upgrades"):
            partial = target.with_name(f"{target.name}.partial")
            repository.build(ctx, sorted([*debs.glob("*.deb"), *pair.glob("*.deb")]), partial)
            partial.rename(target)
        prune(target, "repository-*", keep=0)
    return target
