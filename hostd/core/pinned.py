"""TLS to a peer whose certificate is known byte by byte, or by its digest, instead of by a name and an authority."""

from __future__ import annotations

import socket
import ssl


def context() -> ssl.SSLContext:
    """Encryption and proof of the key alone: which certificate it must be, the caller compares before it sends."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def wrap(secure: ssl.SSLContext, raw: socket.socket, timeout_s: float) -> tuple[ssl.SSLSocket, bytes]:
    """The connection secured, and the certificate (DER) that the peer shows. Raises OSError, ssl.SSLError among them;
    ``raw`` is closed then.
    """
    try:
        raw.settimeout(timeout_s)
        secured = secure.wrap_socket(raw)
        return secured, secured.getpeercert(binary_form=True) or b""
    except (OSError, ValueError) as err:
        raw.close()
        raise err if isinstance(err, OSError) else OSError(str(err)) from err
