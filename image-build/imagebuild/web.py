"""Looks at a host's web port from outside: does it answer, and with which certificate."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import time
from collections.abc import Callable

API = "/api2/json/version"


def status(port: int, path: str = API, *, timeout_s: float = 10) -> int | None:
    """HTTP status of ``https://127.0.0.1:PORT/path``, None where nothing answers. The certificate is not checked."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    link = http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout_s, context=context)
    try:
        link.request("GET", path)
        return link.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        link.close()


def wait_for_api(port: int, timeout_s: float, *, going_on: Callable[[], bool] = lambda: True) -> bool:
    """Wait until the API answers (401 without a ticket, or 200); False on a time-out or when ``going_on`` ends."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and going_on():
        if status(port) in (200, 401):
            return True
        time.sleep(0.5)
    return False


def fingerprint(port: int) -> str:
    """SHA-256 of the certificate, as browsers show it: pairs of hex digits with colons."""
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))
