"""The tools tree: a cached Debian root in which packages are built and tests run, whatever the host is (DESIGN #16)."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from imagebuild.cache import clear
from imagebuild.context import Context
from imagebuild.control import Control
from imagebuild.progress import stage
from imagebuild.shell import call

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
CA_VARIABLES = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PASSED_ON = ("BASE_URL", "CI", "TERM", "PORT", "REQUIRE", "http_proxy", "https_proxy", "no_proxy", "COLUMNS")
PROFILES = frozenset({"pkg.holdfast.image"})
TOOLS_LOCK = Path("image-build/python-tools.lock")
KEPT_TREES = 5
RECIPE = Path("usr/local/share/holdfast-tools.json")
USERS = Path("usr/local/share/holdfast-checkouts")


def packages(ctx: Context) -> list[str]:
    """Everything that ``debian/control`` asks for: building, testing, images, and what the daemons run on."""
    control = Control.load(ctx.source / "debian/control")
    services = [name for name in control.own if name not in ("holdfast", "holdfast-kernel")]
    extra = ["apt", "bash", "login", "systemd", "udev", "dbus"]
    return sorted({*control.build_packages(PROFILES), *control.runtime_packages(services), *extra})


def fingerprint(ctx: Context) -> str:
    """Changes when the list of packages, the suite or the Python lock file changes."""
    parts = [*packages(ctx), *ctx.profile.apt_sources(), (ctx.source / TOOLS_LOCK).read_text()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def mmdebstrap_argv(ctx: Context, target: Path, include: Sequence[str], *, variant: str = "apt") -> list[str]:
    """A Debian root at ``target``; downloaded packages are kept in ``CACHE/apt`` between builds."""
    archives = ctx.cache / "apt"
    archives.mkdir(parents=True, exist_ok=True)
    return [
        "mmdebstrap", "--mode=root", f"--variant={variant}", "--format=directory", "--architectures=amd64",
        '--aptopt=Apt::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"',
        '--aptopt=Acquire::Retries "5"',
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        "--skip=download/empty", "--skip=essential/unlink", "--skip=cleanup/apt/cache",
        '--setup-hook=mkdir -p "$1"/var/cache/apt/archives',
        f'--setup-hook=mount --bind {archives} "$1"/var/cache/apt/archives',
        '--customize-hook=umount "$1"/var/cache/apt/archives',
        f"--include={','.join(include)}",
        ctx.profile.suite, str(target), *ctx.profile.apt_sources(),
    ]  # fmt: skip


def ensure(ctx: Context) -> Path:
    """Return the tools tree, making it first where the cache has none that fits.

    A tree that only lacks packages gets them added in place, unless another checkout uses it; anything else means a
    new tree.
    """
    tree = ctx.place("tools", fingerprint(ctx))
    if Path("/", RECIPE).exists():
        return tree
    if not tree.is_dir():
        with (tree.parent / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not tree.is_dir() and not _extend(ctx, tree):
                _create(ctx, tree)
    if str(ctx.source) not in _users(tree):
        with (tree / USERS).open("a") as file:
            file.write(f"{ctx.source}\n")
    return tree


def _users(tree: Path) -> list[str]:
    """The checkouts that have worked in a tree."""
    file = tree / USERS
    return file.read_text().splitlines() if file.exists() else []


def _recipe(ctx: Context) -> dict[str, list[str]]:
    """What a tree was made from; kept inside it."""
    lock = (ctx.source / TOOLS_LOCK).read_text().splitlines()
    return {"packages": packages(ctx), "sources": ctx.profile.apt_sources(), "python": lock}


def _create(ctx: Context, tree: Path) -> None:
    partial = tree.with_suffix(".partial")
    clear(partial)  # the packages' cache is still mounted in one whose making was killed
    log = ctx.place("logs", "tools.log")
    log.unlink(missing_ok=True)
    pip = ["python3", "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--break-system-packages"]
    pip += ["--root-user-action=ignore", "-r", str(ctx.source / TOOLS_LOCK)]
    with stage(ctx.cache, "tools tree"):
        call(mmdebstrap_argv(ctx, partial, packages(ctx)), log=log)
        call([*enter_argv(ctx, partial, cwd=ctx.source), *pip], log=log, env=environment())
        (partial / RECIPE).write_text(json.dumps(_recipe(ctx)))
        partial.rename(tree)
    # another checkout may be at work in a tree of its own
    trees = sorted((p for p in tree.parent.iterdir() if p.is_dir()), key=lambda p: p.stat().st_ctime, reverse=True)
    for old in trees[KEPT_TREES:]:
        shutil.rmtree(old, ignore_errors=True)


def _extend(ctx: Context, tree: Path) -> bool:
    """Turn an existing tree into the wanted one by installing what it lacks; False where that is not possible."""
    wanted = _recipe(ctx)
    for old in tree.parent.iterdir():
        try:
            had = json.loads((old / RECIPE).read_text())
        except (OSError, ValueError):
            continue
        if (
            set(_users(old)) - {str(ctx.source)}
            or had["sources"] != wanted["sources"]
            or had["python"] != wanted["python"]
        ):
            continue
        missing = sorted(set(wanted["packages"]) - set(had["packages"]))
        if set(had["packages"]) - set(wanted["packages"]):
            continue
        enter = enter_argv(ctx, old, cwd=ctx.source)
        log = ctx.place("logs", "tools.log")
        with stage(ctx.cache, f"tools tree: {' '.join(missing)}"):
            call([*enter, "apt-get", "update", "-q"], log=log, env=environment())
            call(
                [*enter, "apt-get", "install", "-qy", "--no-install-recommends", *missing],
                log=log,
                env=environment(),
            )
            (old / RECIPE).write_text(json.dumps(wanted))
            old.rename(tree)
        return True
    return False


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A small, fixed environment for programs in the tree; the host's certificates and proxies are passed on."""
    env = {"HOME": "/root", "LANG": "C.UTF-8", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    env |= {"DEBIAN_FRONTEND": "noninteractive", "PYTHONDONTWRITEBYTECODE": "1", "npm_config_audit": "false"}
    env |= {k: v for k, v in os.environ.items() if k in PASSED_ON or k.startswith(("HOLDFAST_", "CLIENTS_", "FUZZ_"))}
    if CA_BUNDLE.exists():
        env |= {name: str(CA_BUNDLE) for name in CA_VARIABLES if name in os.environ}
        env |= {"npm_config_cafile": str(CA_BUNDLE)} if "NODE_EXTRA_CA_CERTS" in os.environ else {}
    return env | dict(extra or {})


def enter_argv(ctx: Context, tree: Path, *, cwd: Path, binds: Sequence[Path] = ()) -> list[str]:
    """bubblewrap(1) command that enters ``tree`` as root, with checkout and cache at their own paths.

    Inside the tools tree already (tests of virtual machines run there): no more than the change of directory.
    """
    if tree == ctx.cache / "tools" / fingerprint(ctx) and Path("/", RECIPE).exists():
        return ["env", "-C", str(cwd)]
    argv = ["bwrap", "--bind", str(tree), "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc"]
    argv += ["--bind", "/sys", "/sys"]
    temporary = ctx.place("tmp", "x").parent
    temporary.chmod(0o1777)  # apt drops its privileges and writes there
    argv += ["--bind", str(temporary), "/tmp", "--tmpfs", "/run", "--cap-add", "ALL", "--die-with-parent"]
    argv += ["--ro-bind", "/etc/resolv.conf", "/etc/resolv.conf", "--ro-bind-try", "/etc/hosts", "/etc/hosts"]
    if CA_BUNDLE.exists():
        argv += ["--ro-bind", str(CA_BUNDLE), str(CA_BUNDLE)]
    shared = Path(os.environ.get("HOLDFAST_SHARED", ctx.source.parent / "shared"))
    for place in [ctx.source, ctx.cache, *binds]:
        argv += ["--bind", str(place), str(place)]
    if shared.is_dir():
        argv += ["--ro-bind", str(shared), str(shared)]
    return [*argv, "--chdir", str(cwd)]


def inside(
    ctx: Context,
    argv: Sequence[str | Path],
    *,
    log: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    binds: Sequence[Path] = (),
    input: bytes | None = None,
) -> None:
    """Run a program in the tools tree (built first where it is missing)."""
    tree = ensure(ctx)
    call(
        [*enter_argv(ctx, tree, cwd=cwd or ctx.source, binds=binds), *argv],
        log=log,
        env=environment(env),
        input=input,
    )
