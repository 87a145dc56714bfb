"""Root file system, layer 2: kernel, ZFS, the files of ``rootfs/``, our container template, the initial RAM disk.

The initial RAM disk is generic and made once, here: making one takes 10 s natively and minutes on an emulated machine.
"""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

from imagebuild import kernel, layer
from imagebuild.cache import clear, digest, prune, tree_digest
from imagebuild.context import Context
from imagebuild.progress import stage
from imagebuild.steps import base, template

FORMAT = 4
ON_DEMAND = ("virtlockd.service", "virtlogd.service", "e2scrub_reap.service", "grub-common.service")
"""Not started at boot: the first two by their sockets when libvirt asks, the others have nothing to do here."""


@functools.cache
def place(ctx: Context) -> Path:
    overlay = tree_digest(ctx.source / "rootfs")
    below = (base.place(ctx).name, kernel.place(ctx).name, template.place(ctx).name)
    return ctx.place("image", f"system-{digest(FORMAT, *below, overlay)}")


def layers(ctx: Context) -> list[Path]:
    """This layer and those below it, topmost first."""
    return [place(ctx), base.place(ctx)]


def run(ctx: Context) -> None:
    target = place(ctx)
    if target.is_dir():
        return
    log = ctx.place("logs", "image-system.log")
    log.unlink(missing_ok=True)
    pair = kernel.pair_in(kernel.build(ctx))
    sources = _apt_sources(ctx)
    recipe = layer.Recipe(
        lower=[str(base.place(ctx))],
        overlays=[str(ctx.source / "rootfs"), str(sources)],
        files={"template": str(template.place(ctx))},
        repository=str(kernel.place(ctx)),
        environment={"INITRD": "No"},
        commands=[
            # The kernel first, and no initial RAM disk until everything that belongs into it is there.
            ["dpkg", "--unpack", "--recursive", layer.REPOSITORY],
            ["dpkg", "--configure", "--pending"],
            # Names, keys and ids are made on the machine itself; a host id would also get into the RAM disk.
            ["rm", "-f", "/etc/hostid", "/etc/hostname", "/var/lib/dbus/machine-id", "/etc/resolv.conf"],
            ["update-initramfs", "-c", "-k", pair.abi],
            template.installed_as(ctx),
            ["find", "/etc/ssh", "-name", "ssh_host_*", "-delete"],
            ["truncate", "-s", "0", "/etc/machine-id"],
            ["rm", "-f", *(f"/etc/systemd/system/multi-user.target.wants/{name}" for name in ON_DEMAND)],
            ["find", "/var/log", "/var/cache/apt", "/var/cache/debconf", "-type", "f", "-name", "*[-.]old", "-delete"],
        ],
    )
    with stage(ctx.cache, "image: kernel and initial RAM disk"):
        layer.build(ctx, recipe, target, log=log)
    clear(sources)
    prune(target, "system-*")


def _apt_sources(ctx: Context) -> Path:
    """A folder with the APT sources of an installed host: Debian's, and ours where the profile names an address."""
    folder = ctx.place("build-image", "sources")
    shutil.rmtree(folder, ignore_errors=True)
    apt = folder / "etc/apt"
    (apt / "sources.list.d").mkdir(parents=True)
    (apt / "sources.list").write_text("# See sources.list.d/\n")
    for name, text in apt_source_files(ctx).items():
        (apt / "sources.list.d" / name).write_text(text)
    return folder


def apt_source_files(ctx: Context) -> dict[str, str]:
    """File name → text in deb822 form (sources.list(5)) for an installed host."""
    profile = ctx.profile
    components = " ".join(profile.components)
    debian_key = "/usr/share/keyrings/debian-archive-keyring.gpg"
    entries = [
        (profile.mirror, f"{profile.suite} {profile.suite}-updates"),
        (profile.security_mirror, f"{profile.suite}-security"),
    ]
    debian = "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: {components}\nSigned-By: {debian_key}\n"
        for uri, suites in entries
    )
    own = (
        f"Types: deb\nURIs: {profile.update_url}\nSuites: {profile.suite}\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/holdfast.gpg\n"
    )
    return {"debian.sources": debian, **({"holdfast.sources": own} if profile.update_url else {})}
