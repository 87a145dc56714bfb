"""Root file system, layer 3: our packages. Everything that changes with a commit is in this layer and the next."""

from __future__ import annotations

from pathlib import Path

from imagebuild import kernel, layer, packages, repository
from imagebuild.cache import digest, prune
from imagebuild.context import Context
from imagebuild.progress import stage
from imagebuild.steps import system

FORMAT = 3
FEATURES = "image-build/apparmor/features-6.12"
PRODUCT = ("holdfast", "holdfast-kernel")
UP_TO_DATE = ["touch", "/etc/.updated", "/var/.updated"]
"""Tells systemd-update-done.service(8) and the like that nothing of /usr waits to be taken over at the first boot."""


def profile_commands() -> list[list[str]]:
    """Compile all AppArmor profiles for the image's kernel: at its first boot an emulated host took a minute for it.

    The result depends on what the kernel's AppArmor can do, recorded in `FEATURES` from a running kernel
    (``/var/cache/apparmor/*/.features``). For a kernel that differs the host compiles them itself, as ever.
    """
    parser = ["apparmor_parser", "--kernel-features", "/run/features", "--skip-kernel-load", "--write-cache"]
    return [[*parser, "--cache-loc", "/var/cache/apparmor", "/etc/apparmor.d"]]


def install_commands(names: tuple[str, ...], suite: str) -> list[list[str]]:
    """Install packages in the tree from the repository seen there, with nothing else known to APT."""
    source = f"deb [signed-by={layer.REPOSITORY}/{repository.PUBLIC_KEY}] file:{layer.REPOSITORY} {suite} main"
    apt = [
        "apt-get", "-qy", "--no-install-recommends", "-o", "Dir::Etc::SourceList=/tmp/holdfast.list",
        "-o", "Dir::Etc::SourceParts=-", "-o", "Dir::State::Lists=/tmp/lists", "-o", "Dir::Cache=/tmp/cache",
        "-o", "Dpkg::Options::=--force-unsafe-io",
    ]  # fmt: skip
    return [
        ["mkdir", "-p", "/tmp/lists/partial", "/tmp/cache/archives/partial"],
        ["python3", "-c", f"open('/tmp/holdfast.list', 'w').write({source!r})"],
        [*apt, "update"],
        [*apt, "install", *names],
    ]


def repository_place(ctx: Context) -> Path:
    name = digest(packages.place(ctx).name, kernel.place(ctx).name, FORMAT)
    return ctx.place("image", f"repository-{name}")


def place(ctx: Context) -> Path:
    return ctx.place("image", f"product-{digest(FORMAT, system.place(ctx).name, repository_place(ctx).name)}")


def layers(ctx: Context) -> list[Path]:
    """This layer and those below it, topmost first."""
    return [place(ctx), *system.layers(ctx)]


def make_repository(ctx: Context) -> None:
    """The repository of the image: our packages and the kernel pair, signed with the builder's key."""
    target = repository_place(ctx)
    if target.is_dir():
        return
    debs = [*packages.build(ctx).glob("*.deb"), *kernel.build(ctx).glob("*.deb")]
    with stage(ctx.cache, "image: package repository"):
        partial = target.with_name(f"{target.name}.partial")
        repository.build(ctx, sorted(debs), partial)
        partial.rename(target)
    prune(target, "repository-*")


def run(ctx: Context) -> None:
    target = place(ctx)
    if target.is_dir():
        return
    log = ctx.place("logs", "image-product.log")
    log.unlink(missing_ok=True)
    key = ["install", "-m", "0644", f"{layer.REPOSITORY}/{repository.PUBLIC_KEY}", "/usr/share/keyrings/holdfast.gpg"]
    recipe = layer.Recipe(
        lower=[str(p) for p in system.layers(ctx)],
        files={"features": str(ctx.source / FEATURES)},
        repository=str(repository_place(ctx)),
        environment={"INITRD": "No"},
        commands=[*install_commands(PRODUCT, ctx.profile.suite), key, *profile_commands(), UP_TO_DATE],
    )
    with stage(ctx.cache, "image: our packages"):
        layer.build(ctx, recipe, target, log=log)
    prune(target, "product-*")
