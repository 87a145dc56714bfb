"""Where the processes of the API listen, and what nginx hands from one to the other."""

from __future__ import annotations

ROOT = "/run/hostd/root.sock"
FRONT = "/run/hostd/api/api.sock"
STREAM = "/run/hostd/stream/stream.sock"

# A 401 leaves this long after its request began (clients know it so from the reference), so that guessing is slow.
REFUSAL_S = 3.0
# nginx passes refusals (401) on to hostd-stream, which answers them later: their message, and the request's age in
# seconds (debian/etc/nginx.conf).
REFUSAL, ELAPSED = "X-Holdfast-Refusal", "X-Holdfast-Elapsed"
