"""Parts of files inside a container that are ours, between two marks; the rest belongs to the container.

The marks are the reference's, so that a container that comes from it keeps one such part, not two.
"""

from __future__ import annotations

import re
from typing import Final

from hostd.guests.lxc.inside.tree import Tree

BEGIN: Final = "# --- BEGIN PVE ---\n"
END: Final = "# --- END PVE ---\n"
_SECTION = re.compile(rf"^{re.escape(BEGIN)}.*?^{re.escape(END.rstrip())}(?:\n|\Z)", re.MULTILINE | re.DOTALL)


def without(text: str) -> str:
    """The text without our parts."""
    return _SECTION.sub("", text)


def block(content: str) -> str:
    """``content`` (whole lines) between the marks."""
    return f"{BEGIN}{content}{END}"


def placed(text: str, content: str) -> str:
    """The text with ``content`` as our part: where it was, or at the end."""
    if _SECTION.search(text):
        first = True

        def replace(_: re.Match[str]) -> str:
            nonlocal first
            once, first = (block(content) if first else ""), False
            return once

        return _SECTION.sub(replace, text)
    if text and not text.endswith("\n"):
        text += "\n"
    return text + block(content)


def present(text: str) -> bool:
    return _SECTION.search(text) is not None


def keep_file(tree: Tree, path: str, content: str) -> None:
    """Bring our part of a file up to date; with no content our part goes, and the file where nothing else is in it."""
    text = tree.read(path)
    if content:
        tree.write(path, placed(text or "", content))
    elif text is not None and present(text):
        rest = without(text)
        if rest.strip():
            tree.write(path, rest)
        else:
            tree.unlink(path)
