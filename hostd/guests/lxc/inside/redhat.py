"""What Red Hat's family needs once to fit into a container, beside its network."""

from __future__ import annotations

import re
from typing import Final

from hostd.guests.lxc.inside.detect import Distribution
from hostd.guests.lxc.inside.tree import Tree

_SYSINIT: Final = ("etc/rc.d/rc.sysinit", "etc/rc.sysinit")
_UDEV = re.compile(r"^(?=[ \t]*/sbin/start_udev\b)", re.MULTILINE)
_LOCALE: Final = "etc/locale.conf"


def fit(tree: Tree, found: Distribution) -> None:
    """No udev of its own where the init would start one, and a locale that small images have."""
    for path in _SYSINIT:
        text = tree.read(path)
        if text is not None and not tree.is_link(path) and _UDEV.search(text):
            tree.write(path, _UDEV.sub("#", text))
    if found.at_least(8) and tree.read(_LOCALE) is None:
        tree.write(_LOCALE, "LANG=C.utf8\n")
