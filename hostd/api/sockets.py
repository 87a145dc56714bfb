"""Where the processes of the API listen."""

from __future__ import annotations

ROOT = "/run/hostd/root.sock"
FRONT = "/run/hostd/api/api.sock"
STREAM = "/run/hostd/stream/stream.sock"
