"""A container's files in memory: same rules as the real ones, for tests of what is set in them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping


class MemoryTree:
    """``files``: path → text; ``links``: path → target; ``dirs``: folders, also without anything in them."""

    def __init__(
        self, files: Mapping[str, str] | None = None, links: Mapping[str, str] | None = None, dirs: Iterable[str] = ()
    ) -> None:
        self.files: dict[str, str] = dict(files or {})
        self.links: dict[str, str] = dict(links or {})
        self.dirs: set[str] = set(dirs)
        self.modes: dict[str, int] = {}
        for path in [*self.files, *self.links]:
            self._make_parents(path)

    def _make_parents(self, path: str) -> None:
        while path := posixpath.dirname(path):
            self.dirs.add(path)

    def _resolve(self, path: str) -> str:
        for _ in range(40):
            for end in range(1, path.count("/") + 2):
                start = "/".join(path.split("/")[:end])
                if start in self.links:
                    rest = path.removeprefix(start)
                    target = posixpath.join("/", posixpath.dirname(start), self.links[start])
                    path = posixpath.normpath(target + rest).lstrip("/")
                    break
            else:
                return path
        raise OSError(f"too many links: {path}")

    def read(self, path: str) -> str | None:
        return self.files.get(self._resolve(path))

    def head(self, path: str, size: int) -> bytes:
        return (self.read(path) or "").encode("latin-1", errors="replace")[:size]

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        target = self._resolve(path)
        if target in self.dirs:
            raise OSError(f"'/{path}' is no plain file")
        self._make_parents(target)
        self.modes.setdefault(target, mode)
        self.files[target] = text

    def is_dir(self, path: str) -> bool:
        return self._resolve(path) in self.dirs

    def is_link(self, path: str) -> bool:
        return path in self.links

    def link(self, path: str, target: str) -> None:
        self.unlink(path)
        self._make_parents(path)
        self.links[path] = target

    def make_dir(self, path: str, *, mode: int = 0o755) -> None:
        if not self.is_dir(path):
            self._make_parents(path)
            self.dirs.add(self._resolve(path))
            self.modes.setdefault(path, mode)

    def unlink(self, path: str) -> None:
        self.files.pop(path, None)
        self.links.pop(path, None)
