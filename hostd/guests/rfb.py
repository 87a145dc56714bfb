"""The beginning of VNC's protocol: who connects is let in, or asked for a password, as QEMU's own server asks for none.

Source: RFC 6143, sections 7.1 (handshake) and 7.2.2 (VNC Authentication).
"""

from __future__ import annotations

import hmac
import secrets
import socket
import struct
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from hostd.core.errors import HostError, NotAuthenticated

PASSWORD_LENGTH: Final = 8
# As the reference's: from "!" to the backquote.
_ALPHABET: Final = tuple(map(chr, range(0x21, 0x61)))
_VERSION: Final = b"RFB 003.008\n"
# Versions by which security is chosen: the server says which (3.3), the client chooses (3.7), with reasons (3.8).
_KNOWN: Final = {b"RFB 003.003\n": 3, b"RFB 003.007\n": 7, _VERSION: 8}
_NONE, _PASSWORD = 1, 2
_CHALLENGE_BYTES: Final = 16
_OK, _FAILED = struct.pack(">I", 0), struct.pack(">I", 1)
_WRONG: Final = "wrong VNC password"


def make_password() -> str:
    """A new one; the protocol knows no longer ones."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(PASSWORD_LENGTH))


def response(password: bytes, challenge: bytes) -> bytes:
    """What who knows the password answers: DES, its bits in the reverse order within each byte of the key."""
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password[:PASSWORD_LENGTH].ljust(PASSWORD_LENGTH, b"\0"))
    encryptor = Cipher(TripleDES(key), modes.ECB()).encryptor()
    return encryptor.update(challenge) + encryptor.finalize()


def admit(client: socket.socket, password: str) -> None:
    """The server's side towards a viewer, up to its ``ClientInit``. NotAuthenticated for a wrong password."""
    client.sendall(_VERSION)
    version = _KNOWN.get(_read(client, len(_VERSION)), 3)
    if version == 3:
        client.sendall(struct.pack(">I", _PASSWORD))
    else:
        client.sendall(bytes([1, _PASSWORD]))
        if (chosen := _read(client, 1)[0]) != _PASSWORD:
            raise NotAuthenticated(f"the viewer chose security type {chosen}, which was not offered")
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    client.sendall(challenge)
    if not hmac.compare_digest(_read(client, _CHALLENGE_BYTES), response(password.encode(), challenge)):
        client.sendall(_FAILED + (struct.pack(">I", len(_WRONG)) + _WRONG.encode() if version == 8 else b""))
        raise NotAuthenticated(_WRONG)
    client.sendall(_OK)


def welcome(client: socket.socket) -> None:
    """The server's side towards a viewer that is asked for nothing, up to and with its ``ClientInit``."""
    client.sendall(_VERSION)
    version = _KNOWN.get(_read(client, len(_VERSION)), 3)
    if version == 3:
        client.sendall(struct.pack(">I", _NONE))
    else:
        client.sendall(bytes([1, _NONE]))
        if (chosen := _read(client, 1)[0]) != _NONE:
            raise NotAuthenticated(f"the viewer chose security type {chosen}, which was not offered")
        if version == 8:
            client.sendall(_OK)
    _read(client, 1)  # whether others may see the same: each console is one viewer's


def enter(server: socket.socket) -> None:
    """The viewer's side towards a server that asks for nothing, up to ``ClientInit``. HostError where it does ask."""
    _read(server, len(_VERSION))
    server.sendall(_VERSION)
    offered = _read(server, _read(server, 1)[0])
    if _NONE not in offered:
        raise HostError(f"the machine's VNC server lets nobody in without a password: it offers {list(offered)}")
    server.sendall(bytes([_NONE]))
    if _read(server, len(_OK)) != _OK:
        raise HostError("the machine's VNC server refuses the connection")


def _read(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        data = connection.recv(size - len(found))
        if not data:
            raise HostError("the VNC connection ended before it had begun")
        found += data
    return found
