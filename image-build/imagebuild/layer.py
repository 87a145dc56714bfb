"""Changes a root file system in layers. Host side: `build`. The rest runs inside the tools tree, in bubblewrap's own
mount namespace, so that whatever happens no mount stays behind.

A layer is a folder of the cache that holds the differences to the layers below it, in overlayfs's form (whiteouts are
0/0 character devices), which squashfs keeps and live-boot stacks again.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from imagebuild import tools
from imagebuild.cache import clear, source_date
from imagebuild.context import Context
from imagebuild.shell import call

MOUNT = Path("/run/layer")
REPOSITORY = "/run/repository"
POLICY = "#!/bin/sh\n# no service starts while an image is made\nexit 101\n"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What makes a layer: folders copied in first (``overlays``), then argument lists run in the tree as root.

    ``lower`` is topmost first. ``repository`` is seen inside as ``/run/repository``, and ``files`` (name → place
    outside) as ``/run/NAME``; neither becomes part of the layer.
    """

    lower: Sequence[str]
    overlays: Sequence[str] = ()
    repository: str = ""
    files: dict[str, str] = field(default_factory=dict)
    commands: Sequence[Sequence[str]] = ()
    environment: dict[str, str] = field(default_factory=dict)


def build(ctx: Context, recipe: Recipe, target: Path, *, log: Path) -> None:
    """Make the layer ``target`` (which must not exist yet; it appears only when it is complete)."""
    partial, work = target.with_name(f"{target.name}.partial"), target.with_name(f"{target.name}.work")
    for folder in (partial, work):
        clear(folder)
        folder.mkdir(parents=True)
    spec = {**asdict(recipe), "upper": str(partial), "work": str(work)}
    run_inner(ctx, "make", spec, log=log)
    clear(work)
    partial.rename(target)


def run_inner(ctx: Context, action: str, spec: dict[str, object], *, log: Path) -> None:
    """Run this module inside the tools tree with ``spec`` on standard input."""
    env = {"PYTHONPATH": str(ctx.source / "image-build"), "SOURCE_DATE_EPOCH": str(source_date(ctx))}
    argv = ["python3", "-m", "imagebuild.layer", action]
    tools.inside(ctx, argv, log=log, env=env, input=json.dumps(spec).encode())


def overlay_options(lower: Sequence[str], upper: str = "", work: str = "") -> str:
    """Mount options of overlayfs, ``lower`` topmost first; read-only without ``upper``."""
    options = f"lowerdir={':'.join(lower)}"
    return f"{options},upperdir={upper},workdir={work}" if upper else options


def inner_make(spec: dict[str, object]) -> None:
    recipe = Recipe(**{k: v for k, v in spec.items() if k not in ("upper", "work")})  # type: ignore[arg-type]
    _mount_overlay(overlay_options(recipe.lower, str(spec["upper"]), str(spec["work"])))
    _mount_kernel_views()
    if recipe.repository:
        _bind(Path(recipe.repository), Path(f"{MOUNT}{REPOSITORY}"))
    for name, outside in recipe.files.items():
        shutil.copyfile(outside, MOUNT / "run" / name)
    for folder in recipe.overlays:
        call(["cp", "-a", "--no-preserve=ownership", f"{folder}/.", MOUNT])
    policy = MOUNT / "usr/sbin/policy-rc.d"
    policy.write_text(POLICY)
    policy.chmod(0o755)
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    for argv in recipe.commands:
        call(["chroot", MOUNT, *argv], env={**env, **recipe.environment})
    policy.unlink()


def inner_squash(spec: dict[str, object]) -> None:
    """Pack the stack of layers ``lower`` into the squashfs file ``output``, seen as one tree."""
    lower = list(map(str, spec["lower"]))  # type: ignore[call-overload]
    root = MOUNT
    if len(lower) == 1:
        root = Path(lower[0])
    else:
        _mount_overlay(overlay_options(lower))
    leave_out = list(map(str, spec["leave_out"]))  # type: ignore[call-overload]
    argv = ["mksquashfs", str(root), str(spec["output"]), "-noappend", "-quiet", "-no-progress"]
    argv += ["-comp", "zstd", "-Xcompression-level", "6", "-b", "256K", "-wildcards", "-e", *leave_out]
    call(argv)


def _mount_overlay(options: str) -> None:
    MOUNT.mkdir(parents=True, exist_ok=True)
    call(["mount", "-t", "overlay", "overlay", "-o", options, MOUNT])


def _mount_kernel_views() -> None:
    call(["mount", "-t", "proc", "proc", MOUNT / "proc"])
    call(["mount", "-t", "sysfs", "-o", "ro", "sysfs", MOUNT / "sys"])
    call(["mount", "--rbind", "/dev", MOUNT / "dev"])
    for name in ("run", "tmp"):
        call(["mount", "-t", "tmpfs", "tmpfs", MOUNT / name])


def _bind(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    call(["mount", "--bind", source, target])


def squash(ctx: Context, lower: Sequence[Path], output: Path, *, leave_out: Sequence[str], log: Path) -> None:
    """Write the squashfs of the layers ``lower`` (topmost first) to ``output``; zstd level 6, blocks of 256 KiB."""
    partial = output.with_name(f"{output.name}.partial")
    partial.unlink(missing_ok=True)
    spec: dict[str, object] = {"lower": [str(p) for p in lower], "output": str(partial), "leave_out": list(leave_out)}
    run_inner(ctx, "squash", spec, log=log)
    shutil.move(partial, output)


def main(argv: list[str]) -> int:
    actions = {"make": inner_make, "squash": inner_squash}
    actions[argv[0]](json.load(sys.stdin))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
