"""Where the processes of the API listen, and what nginx hands from one to the other."""

from __future__ import annotations

ROOT = "/run/hostd/root.sock"
FRONT = "/run/hostd/api/api.sock"
STREAM = "/run/hostd/stream/stream.sock"

# nginx passes refusals (401) on to hostd-stream, which answers them later: their message, and the request's age in
# seconds (debian/etc/nginx.conf).
REFUSAL, ELAPSED = "X-Holdfast-Refusal", "X-Holdfast-Elapsed"
