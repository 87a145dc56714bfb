"""Wake-on-LAN: the magic packet, sent as a UDP broadcast."""

from __future__ import annotations

import socket

PORT = 9
BROADCAST = "255.255.255.255"


def packet(mac: str) -> bytes:
    """Six bytes of 0xFF and the address 16 times (AMD, "Magic Packet Technology", 1995)."""
    return b"\xff" * 6 + bytes.fromhex(mac.replace(":", "")) * 16


def send(mac: str, *, broadcast: str = "", interface: str = "", port: int = PORT) -> None:
    """Send it once. Raises OSError where the interface does not exist or there is no way to the network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if interface:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sock.sendto(packet(mac), (broadcast or BROADCAST, port))
