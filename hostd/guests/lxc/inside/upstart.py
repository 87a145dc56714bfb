"""Jobs of upstart (init(5) of upstart) in old systems: log-ins on terminals, a shutdown on LXC's signal."""

from __future__ import annotations

from typing import Final

from hostd.guests.lxc.inside.tree import Tree

FOLDER: Final = "etc/init"
_MOST_TTYS: Final = 6
_POWER: Final = "power-status-changed.conf"


def write(tree: Tree, ttys: int, getty: str) -> None:
    """One job per terminal, no file for a terminal that is not there. ``getty``: the program with its options."""
    for number in range(1, _MOST_TTYS + 1):
        path = f"{FOLDER}/tty{number}.conf"
        if number <= ttys:
            tree.write(path, _job(number, getty))
        else:
            tree.unlink(path)
    tree.write(f"{FOLDER}/{_POWER}", "start on power-status-changed\ntask\nexec /sbin/shutdown -h now\n")


def _job(number: int, getty: str) -> str:
    return f"start on stopped rc RUNLEVEL=[2345]\nstop on runlevel [!2345]\nrespawn\nexec {getty} tty{number}\n"
