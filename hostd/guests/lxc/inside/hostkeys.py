"""Keys by which a container's SSH server is known: those of a template would be the same in every container."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from hostd.guests.lxc.inside.tree import Tree

FOLDER: Final = "etc/ssh"
_RSA_BITS: Final = 3072
_MODE: Final = 0o600
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_KINDS: Final[Mapping[str, Callable[[], PrivateKey]]] = {
    "rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS),
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}
# Of kinds that nobody makes any more; a server goes on without.
_OLD: Final = ("dsa",)


def load() -> None:
    """Let the library load whatever it loads at the first key: once locked in, nothing more can be loaded."""
    _pair(ed25519.Ed25519PrivateKey.generate())


def renew(tree: Tree, hostname: str) -> None:
    """Replace each key that is there by a new one of its kind (ssh-keygen(1), -t); none is added."""
    for kind, generate in _KINDS.items():
        path = f"{FOLDER}/ssh_host_{kind}_key"
        if tree.head(path, 1):
            private, public = _pair(generate())
            tree.write(path, private, mode=_MODE)
            tree.write(f"{path}.pub", f"{public} root@{hostname}\n")
    for kind in _OLD:
        for suffix in ("", ".pub"):
            tree.unlink(f"{FOLDER}/ssh_host_{kind}_key{suffix}")


def _pair(key: PrivateKey) -> tuple[str, str]:
    """Both halves in OpenSSH's own form."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode()
