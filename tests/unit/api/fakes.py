"""A configuration tree in memory for the application's tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hostd.cluster.store import File, MemoryStore


class FileMirror:
    """Answers like Mirror, from a MemoryStore."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.store = MemoryStore()
        for path, data in files.items():
            if "/" in path:
                self.store.mkdir(path.rpartition("/")[0], parents=True)
            self.store.write(path, data)

    def get(self, path: str) -> File | None:
        return next((f for f in self.glob(path) if f.path == path), None)

    def glob(self, prefix: str) -> list[File]:
        return [f for f in self._walk("") if f.path.startswith(prefix)]

    def _walk(self, folder: str) -> list[File]:
        found: list[File] = []
        for name in self.store.list(folder):
            path = f"{folder}/{name}".strip("/")
            try:
                found.append(self.store.read(path))
            except Exception:  # noqa: BLE001 - a folder, whatever the store calls that
                found += self._walk(path)
        return found

    def subscribe(self, callback: Callable[[object], None]) -> None:
        return None
