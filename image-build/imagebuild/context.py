"""What every step is told: places, profile, and how to talk to the person who waits."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
DEFAULT_CACHE = Path("/var/cache/holdfast")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A build profile, ``image-build/profiles/NAME.toml``: suite and mirrors, kernel, repository address.

    ``kernel`` is the ABI name of Debian's kernel (``6.12.117+deb13-amd64``); ``update_url`` is where installed hosts
    look for new packages of ours (empty: no entry is written).
    """

    name: str
    suite: str
    mirror: str
    security_mirror: str
    components: tuple[str, ...]
    kernel: str
    update_url: str

    @classmethod
    def load(cls, name: str) -> Profile:
        path = SOURCE / "image-build" / "profiles" / f"{name}.toml"
        data = tomllib.loads(path.read_text())
        return cls(
            name=name,
            suite=data["debian"]["suite"],
            mirror=data["debian"]["mirror"],
            security_mirror=data["debian"]["security-mirror"],
            components=tuple(data["debian"]["components"]),
            kernel=data["kernel"]["abi"],
            update_url=data["repository"]["url"],
        )

    def apt_sources(self) -> list[str]:
        """One-line APT sources of the suite with its updates and security fixes."""
        areas = " ".join(self.components)
        return [
            f"deb {self.mirror} {self.suite} {areas}",
            f"deb {self.mirror} {self.suite}-updates {areas}",
            f"deb {self.security_mirror} {self.suite}-security {areas}",
        ]


@dataclass(frozen=True, kw_only=True)
class Context:
    """Where things are. ``cache`` lies outside the checkout and may be deleted at any time."""

    source: Path
    cache: Path
    profile: Profile

    @classmethod
    def load(cls, profile: str = "") -> Context:
        """Cache from ``HOLDFAST_CACHE``, profile from the argument or ``HOLDFAST_PROFILE`` (``default``)."""
        return cls(
            source=SOURCE,
            cache=Path(os.environ.get("HOLDFAST_CACHE", DEFAULT_CACHE)),
            profile=Profile.load(profile or os.environ.get("HOLDFAST_PROFILE", "default")),
        )

    def place(self, *parts: str) -> Path:
        """A path below the cache whose parent folder exists."""
        path = self.cache.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
