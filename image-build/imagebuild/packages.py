"""Our Debian packages: a copy of what git knows of the checkout, built by dpkg-buildpackage in the tools tree."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
from email.utils import formatdate
from pathlib import Path

from imagebuild import tools
from imagebuild.cache import alone
from imagebuild.context import Context
from imagebuild.progress import stage
from imagebuild.shell import output

# What ends up in packages; a change elsewhere (tests, docs, image-build) rebuilds nothing.
INPUTS = ("debian", "hostd", "installer", "webui", "pyproject.toml", "LICENSE", "rootfs", "docs")


def version(ctx: Context) -> str:
    """Version of the top entry of debian/changelog, or ``HOLDFAST_VERSION`` (used to build upgrades for tests)."""
    first = (ctx.source / "debian/changelog").read_text().split("(", 1)[1]
    return os.environ.get("HOLDFAST_VERSION") or first.split(")", 1)[0]


def inputs(ctx: Context, places: tuple[str, ...] = INPUTS) -> list[Path]:
    """Files below ``places`` that git tracks or would track, sorted."""
    names = output(
        ["git", "-c", f"safe.directory={ctx.source}", "ls-files", "-z", "-co", "--exclude-standard", *places],
        cwd=ctx.source,
    )
    return sorted(p for n in names.split("\0") if n and (p := ctx.source / n).is_file())


def digest(ctx: Context, places: tuple[str, ...] = INPUTS, *, salt: str = "") -> str:
    """Changes with the name or the bytes of any input, and with ``salt``."""
    total = hashlib.sha256(salt.encode())
    for path in inputs(ctx, places):
        mode = "x" if os.access(path, os.X_OK) else "-"
        total.update(f"{path.relative_to(ctx.source)}\0{mode}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


def place(ctx: Context) -> Path:
    """Where the packages of this checkout are, or will be; looked up once, so that all steps of a build agree."""
    return _place(ctx, version(ctx))


@functools.cache
def _place(ctx: Context, wanted: str) -> Path:
    return ctx.place("deb", digest(ctx, salt=f"{wanted} {tools.fingerprint(ctx)}"))


def build(ctx: Context) -> Path:
    """Return the folder with our packages of exactly this checkout, building them where the cache has none."""
    target = place(ctx)
    if target.is_dir():
        return target
    tools.ensure(ctx)
    web = webui(ctx)
    with alone(ctx, "build"):
        if not target.is_dir():
            _build(ctx, web, target)
    return target


def _build(ctx: Context, web: Path, target: Path) -> None:
    work = ctx.place("build", "holdfast")
    shutil.rmtree(work.parent, ignore_errors=True)
    log = ctx.place("logs", "deb.log")
    log.unlink(missing_ok=True)
    with stage(ctx.cache, "packages"):
        for path in inputs(ctx):
            copy = work / path.relative_to(ctx.source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        shutil.copytree(web, work / "webui" / "dist", dirs_exist_ok=True)
        _set_version(ctx, work)
        tools.inside(ctx, ["dpkg-buildpackage", "-us", "-uc", "-b", "-d", "-Pnocheck"], cwd=work, log=log)
        debs = sorted(work.parent.glob("*.deb"))
        tools.inside(ctx, ["lintian", "--fail-on", "error", "--tag-display-limit", "0", *debs], log=log)
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for deb in debs:
            shutil.move(deb, partial / deb.name)
        partial.rename(target)
    shutil.rmtree(work.parent, ignore_errors=True)
    _prune(target.parent, keep=4)


def webui(ctx: Context) -> Path:
    """The web interface as static files, by Vite from its lock file; cached by its own inputs."""
    target = ctx.place("webui", digest(ctx, ("webui",)))
    with alone(ctx, "build-webui"):
        if not target.is_dir():
            _build_webui(ctx, target)
    return target


def _build_webui(ctx: Context, target: Path) -> None:
    log = ctx.place("logs", "webui.log")
    log.unlink(missing_ok=True)
    work = ctx.place("build-webui", "src")
    shutil.rmtree(work, ignore_errors=True)
    with stage(ctx.cache, "web interface"):
        for path in inputs(ctx, ("webui",)):
            copy = work / path.relative_to(ctx.source / "webui")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        env = {"npm_config_cache": str(ctx.place("npm", "x").parent), "npm_config_update_notifier": "false"}
        tools.inside(ctx, ["npm", "ci", "--no-fund", "--prefer-offline"], cwd=work, log=log, env=env)
        tools.inside(ctx, ["npm", "run", "build"], cwd=work, log=log, env=env)
        shutil.copytree(work / "dist", target.with_suffix(".partial"), dirs_exist_ok=True)
        target.with_suffix(".partial").rename(target)
    shutil.rmtree(work, ignore_errors=True)
    _prune(target.parent, keep=4)


def _set_version(ctx: Context, work: Path) -> None:
    """Give the copy a changelog entry where another version than the changelog's is wanted."""
    path = work / "debian" / "changelog"
    text = path.read_text()
    if f"holdfast ({version(ctx)})" not in text.splitlines()[0]:
        entry = f"holdfast ({version(ctx)}) trixie; urgency=medium\n\n  * Build for tests.\n\n"
        entry += f" -- Holdfast developers <developers@holdfast.invalid>  {formatdate(path.stat().st_mtime)}\n\n"
        path.write_text(entry + text)


def _prune(folder: Path, *, keep: int) -> None:
    kept = sorted((p for p in folder.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True)[keep:]
    for old in kept:
        shutil.rmtree(old, ignore_errors=True)
