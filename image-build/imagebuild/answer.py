"""Answer files: writing one for a virtual machine, and putting one on a finished ISO image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from imagebuild import tools
from imagebuild.cache import digest, prune, source_date
from imagebuild.context import Context
from imagebuild.progress import stage
from imagebuild.shell import StepFailed
from imagebuild.steps import boot


def text(
    *,
    fqdn: str,
    password: str,
    ssh_keys: Sequence[str] = (),
    filesystem: str = "ext4",
    raid: str = "",
    disks: Sequence[str] = ("vda",),
    network: Sequence[str] = ('source = "from-dhcp"',),
    cluster: Mapping[str, str] | None = None,
) -> str:
    """An answer file of the reference's form. ``disks`` are kernel names; ``raid`` is given for ZFS (``raid1``).

    ``cluster`` is ours: ``create`` with a name or ``join`` with a token.
    """
    lines = [
        "[global]", 'keyboard = "en-us"', 'country = "us"', f"fqdn = {json.dumps(fqdn)}",
        'mailto = "root@localhost.invalid"', 'timezone = "UTC"', f"root-password = {json.dumps(password)}",
        f"root-ssh-keys = {json.dumps(list(ssh_keys))}", 'reboot-mode = "reboot"', "",
        "[network]", *network, "interface-name-pinning.enabled = true", "",
        "[disk-setup]", f"filesystem = {json.dumps(filesystem)}", f"disk-list = {json.dumps(list(disks))}",
        *([f"zfs.raid = {json.dumps(raid)}"] if raid else []),
        *(["", "[cluster]", *(f"{key} = {json.dumps(value)}" for key, value in cluster.items())] if cluster else []),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def put_on(ctx: Context, iso: Path, answer: str, target: Path, *, choice: str = "auto", timeout_s: int = 10) -> Path:
    """Write ``target``: ``iso`` with the answer file on it, whose menu starts the entry ``choice`` by itself.

    The large files are copied as they are; nothing is packed again. The result holds a password: mode 0600.
    """
    texts = target.with_name(f"{target.name}.texts")
    texts.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    files = {"answer.toml": answer, "boot/grub/choice.cfg": boot.choice(choice, timeout_s)}
    argv = ["xorriso", "-report_about", "WARNING", "-indev", str(iso), "-outdev", f"stdio:{partial}"]
    argv += ["-boot_image", "any", "replay"]
    for place, content in files.items():
        source = texts / place.replace("/", "_")
        source.touch(mode=0o600)
        source.write_text(content)
        argv += ["-map", str(source), f"/{place}"]
    binds = [iso.parent]
    env = {"SOURCE_DATE_EPOCH": str(source_date(ctx))}
    tools.inside(ctx, argv, log=ctx.place("logs", "image-answer.log"), env=env, binds=binds)
    for source in texts.iterdir():
        source.unlink()
    texts.rmdir()
    partial.rename(target)
    return target


def iso_with(ctx: Context, iso: Path, answer_file: Path) -> Path:
    """The ISO of `make iso ANSWER=file`: beside ``iso``, named after both."""
    try:
        answer = answer_file.read_text()
    except OSError as err:
        raise StepFailed(f"answer file {answer_file}: {err.strerror}") from err
    target = ctx.place("iso", f"{iso.stem}-answer-{digest(answer)}.iso")
    if not target.is_file():
        with stage(ctx.cache, "image: answer file"):
            put_on(ctx, iso, answer, target)
        prune(target, "*-answer-*.iso", keep=1)
    return target
