"""A signed APT repository of our packages. The key is made once per builder, in the cache, never in git."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from imagebuild import tools
from imagebuild.context import Context
from imagebuild.shell import call

PUBLIC_KEY = "holdfast.gpg"


def build(ctx: Context, debs: Sequence[Path], target: Path) -> Path:
    """Write ``pool/``, ``dists/SUITE`` (indexes, signed InRelease) and the public key below ``target``.

    ``target`` must lie in the cache; what was there is replaced. Index by python-debian, inside the tools tree.
    """
    shutil.rmtree(target, ignore_errors=True)
    pool = target / "pool"
    pool.mkdir(parents=True)
    for deb in debs:
        shutil.copy2(deb, pool / deb.name)
    argv: list[str | Path] = ["python3", "-m", "imagebuild.aptindex", target, ctx.profile.suite, signing_home(ctx)]
    tools.inside(ctx, argv, log=ctx.place("logs", "repo.log"), env={"PYTHONPATH": str(ctx.source / "image-build")})
    return target


def signing_home(ctx: Context) -> Path:
    """GnuPG home with this builder's key, made on first use; readable by root only."""
    home = ctx.place("signing", "gnupg")
    if not (home / "made").exists():
        home.mkdir(mode=0o700, exist_ok=True)
        argv = ["gpg", "--homedir", str(home), "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", ""]
        argv += ["--quick-generate-key", "Holdfast builder <builder@holdfast.invalid>", "ed25519", "sign", "never"]
        tools.inside(ctx, argv, log=ctx.place("logs", "repo.log"))
        (home / "made").touch()
    return home


def sync(ctx: Context, debs: Sequence[Path]) -> Path:
    """The repository that `make repo` makes: ``CACHE/repo``."""
    target = build(ctx, debs, ctx.place("repo"))
    call(["chmod", "-R", "a+rX", target])
    return target
