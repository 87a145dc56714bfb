"""Log-ins on a container's terminals: where root may log in, and what systemd starts there."""

from __future__ import annotations

from typing import Final

from hostd.guests.lxc.inside.tree import Tree

_SECURETTY: Final = "etc/securetty"
# LXC's own names of the console and terminals, as older versions mount them.
_DEVICES: Final = ("lxc/console", "lxc/tty1", "lxc/tty2", "lxc/tty3", "lxc/tty4")
_PRESET: Final = "etc/systemd/system-preset/00-pve.preset"
_PRESETS: Final = {
    "container-getty@.service": True,
    "getty@.service": False,
    "sys-kernel-config.mount": False,
    "sys-kernel-debug.mount": False,
}
_UNIT: Final = "container-getty@.service"
_WANTS: Final = "etc/systemd/system/getty.target.wants"
_DROP_IN: Final = f"etc/systemd/system/{_UNIT}.d/pve.conf"
# systemd's own unit is for pseudo terminals that systemd-nspawn makes.
_DROP_IN_TEXT: Final = """[Unit]
ConditionPathExists=
ConditionPathExists=/dev/tty%I
[Service]
ExecStart=
ExecStart=-/sbin/agetty --noclear --keep-baud tty%I 115200,38400,9600 $TERM
UtmpIdentifier=tty%I
TTYPath=/dev/tty%I
"""
_MOST_TTYS: Final = 6


def allow_root(tree: Tree) -> None:
    """Add our terminals to securetty(5), where the system has such a list."""
    text = tree.read(_SECURETTY)
    if text is None:
        return
    missing = [device for device in _DEVICES if device not in text.splitlines()]
    if missing:
        ended = text if not text or text.endswith("\n") else f"{text}\n"
        tree.write(_SECURETTY, ended + "".join(f"{device}\n" for device in missing))


def write_presets(tree: Tree, more: dict[str, bool]) -> None:
    """What the first boot enables (systemd.preset(5)); it looks only while the machine id is not known yet."""
    chosen = {**_PRESETS, **more}
    lines = [f"{'enable' if wanted else 'disable'} {unit}\n" for unit, wanted in sorted(chosen.items())]
    tree.write(_PRESET, "# Added by PVE at create-time for first-boot configuration.\n" + "".join(lines))


def start_gettys(tree: Tree, ttys: int) -> None:
    """One log-in per terminal, where this systemd has the unit for it."""
    unit = next((f"{top}/{_UNIT}" for top in ("usr/lib/systemd/system", "lib/systemd/system")
                 if tree.read(f"{top}/{_UNIT}") is not None), "")  # fmt: skip
    if not unit:
        return
    tree.write(_DROP_IN, _DROP_IN_TEXT)
    for number in range(1, _MOST_TTYS + 1):
        place = f"{_WANTS}/container-getty@{number}.service"
        if number > ttys:
            tree.unlink(place)
        elif not tree.is_link(place):
            tree.link(place, f"/{unit}")
