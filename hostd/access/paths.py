"""ACL paths: how they are written, and where an ACL may be set. Pure."""

from __future__ import annotations

import functools
import re
from typing import Final

_ALLOWED = re.compile(r"[A-Za-z0-9._/-]+")
_LABEL: Final = r"[A-Za-z0-9._-]+"
# One row per shape; everything an ACL may be set on. Others (such as those of an older file) are kept, not made.
_SHAPES: Final = (
    r"/",
    r"/access(/groups|/realm)?",
    rf"/access/(groups|realm)/{_LABEL}",
    rf"/mapping(/{_LABEL}){{0,2}}",
    rf"/nodes(/{_LABEL})?",
    rf"/pool(/{_LABEL}){{0,3}}",
    r"/sdn(/(controllers|dns|fabrics|ipams|prefix-lists|route-maps|zones))?",
    r"/sdn/(controllers|fabrics|prefix-lists|route-maps)/[A-Za-z0-9_-]+",
    r"/sdn/(dns|ipams)/[A-Za-z0-9]+",
    rf"/sdn/zones/{_LABEL}(/{_LABEL}(/[1-9][0-9]{{0,3}})?)?",
    rf"/storage(/{_LABEL})?",
    r"/vms(/[1-9][0-9]{2,})?",
)
_SETTABLE = re.compile("|".join(f"(?:{shape})" for shape in _SHAPES))


def normalise(path: str) -> str | None:
    """One leading slash, none doubled, none at the end; None for what is no path at all."""
    if path in ("", "0"):  # the reference takes the digit for "nothing given"
        return None
    text = "/" + re.sub("/+", "/", path).strip("/")
    return text if _ALLOWED.fullmatch(text) else None


def may_hold_acl(path: str) -> bool:
    """Whether an ACL may be set at a normalised path."""
    return _SETTABLE.fullmatch(path) is not None


def prefixes(path: str) -> tuple[str, ...]:
    """The path and all above it, from the top: ``/``, ``/vms``, ``/vms/100``."""
    above, _, _ = path.rpartition("/")
    if not above:
        return ("/",) if path == "/" else ("/", path)
    return (*_prefixes_above(above), path)


@functools.lru_cache(maxsize=1024)
def _prefixes_above(path: str) -> tuple[str, ...]:
    return prefixes(path)
