"""The node's TLS certificate: made on the machine itself, signed by the cluster's own authority."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
NODE_DAYS = 730


def new_key() -> bytes:
    """A P-256 key, PEM (PKCS 8)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load(key: bytes) -> ec.EllipticCurvePrivateKey:
    loaded = serialization.load_pem_private_key(key, password=None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise TypeError("not an elliptic curve key")
    return loaded


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Holdfast"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def make_authority(key: bytes, *, now: datetime.datetime) -> bytes:
    """A self-signed certificate authority for ``key``, PEM."""
    private = _load(key)
    name = _name("Holdfast cluster authority")
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    )
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def make_node(
    authority: bytes, authority_key: bytes, key: bytes, names: Sequence[str], *, now: datetime.datetime
) -> bytes:
    """A server certificate for ``key``, valid for ``names`` (host names and addresses; the first is its subject)."""
    issuer = x509.load_pem_x509_certificate(authority)
    signer, private = _load(authority_key), _load(key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(names[0]))
        .issuer_name(issuer.subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=NODE_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def fingerprint(pem: bytes) -> str:
    """SHA-256 of the certificate, as people compare it: ``AB:CD:…``."""
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())


def is_issued_by(pem: bytes, authority: bytes) -> bool:
    """Whether the authority signed the certificate; one of another cluster has the same names in it."""
    try:
        x509.load_pem_x509_certificate(pem).verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def expires_within(pem: bytes, days: int, *, now: datetime.datetime) -> bool:
    """Whether a certificate ends within that many days."""
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc - now < datetime.timedelta(days=days)


def info(pem: bytes, filename: str) -> dict[str, object]:
    """A certificate (the first of ``pem``) as the API tells it; times in seconds of the epoch."""
    certificate = x509.load_pem_x509_certificate(pem)
    key = certificate.public_key()
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        alternatives = [str(n.value) for n in names]
    except x509.ExtensionNotFound:
        alternatives = []
    return {
        "filename": filename,
        "fingerprint": fingerprint(pem),
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "notbefore": int(certificate.not_valid_before_utc.timestamp()),
        "notafter": int(certificate.not_valid_after_utc.timestamp()),
        "public-key-type": "rsaEncryption" if isinstance(key, rsa.RSAPublicKey) else key_type(key),
        "public-key-bits": getattr(key, "key_size", 256),
        "san": alternatives,
        "pem": certificate.public_bytes(serialization.Encoding.PEM).decode(),
    }


def key_type(key: object) -> str:
    """The name that X.509 gives a kind of key (RFC 5480, RFC 8410)."""
    return "id-ecPublicKey" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__.strip("_")


def checked_chain(chain: bytes, key: bytes) -> None:
    """Raise ValueError, saying what is wrong, unless ``chain`` is certificates and ``key`` the first one's key."""
    try:
        first = x509.load_pem_x509_certificates(chain)[0]
    except (ValueError, IndexError) as err:
        raise ValueError(f"no PEM certificate chain: {err}") from err
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError) as err:
        raise ValueError("no PEM private key without a passphrase") from err
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != first.public_key().public_bytes(*form):
        raise ValueError("the key is not the one of the first certificate")
