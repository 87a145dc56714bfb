"""What test_secrets.py plants and how it searches the node."""

from __future__ import annotations

import datetime
import secrets
from dataclasses import dataclass, field
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Distinct arguments and environments of all processes, until stdin ends.
WATCH = """
import json, os, select, sys, time
seen = set()
while not select.select([sys.stdin], [], [], 0.01)[0]:
    for pid in os.listdir("/proc"):
        if pid.isdigit() and int(pid) != os.getpid():
            for name in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{pid}/{name}", "rb") as file:
                        seen.add(file.read())
                except OSError:
                    pass
print(json.dumps([one.decode("latin-1") for one in seen]))
"""

# Files changed since a time that hold one of the words; as the caller's own user can read them.
SEARCH = """
import json, os, sys
since_s, words = json.load(sys.stdin)
words = [word.encode() for word in words]
for top in ("/", "/etc/pve", "/run", "/tmp", "/dev/shm"):
    here = os.stat(top).st_dev
    for folder, below, files in os.walk(top):
        below[:] = [b for b in below if os.path.join(folder, b) not in ("/proc", "/sys", "/dev")]
        below[:] = [b for b in below if os.stat(os.path.join(folder, b), follow_symlinks=False).st_dev == here]
        for name in files:
            path = os.path.join(folder, name)
            try:
                told = os.stat(path, follow_symlinks=False)
                if told.st_ctime < since_s and not path.startswith("/etc/pve/") or told.st_mode & 0o170000 != 0o100000:
                    continue
                kept = b""
                with open(path, "rb") as file:
                    while part := file.read(1 << 22):
                        for word in words:
                            if word in kept + part:
                                print(json.dumps([path, word.decode()]))
                        kept = part[-200:]
            except OSError:
                pass
"""


@dataclass
class Planted:
    """Secrets by the way they came in; ``hashed`` names those of which only hashes may be kept."""

    words: dict[str, str] = field(default_factory=dict)
    hashed: set[str] = field(default_factory=set)

    def new(self, way: str, *, kept: bool = False, text: str = "") -> str:
        """A new secret; ``text``: one that was made elsewhere."""
        assert way not in self.words
        self.words[way] = text or secrets.token_hex(14)
        if not kept:
            self.hashed.add(way)
        return self.words[way]

    def found_in(self, text: str) -> list[str]:
        return sorted(way for way, word in self.words.items() if word in text or quote(word, safe="") in text)


def certificate(name: str) -> tuple[str, str]:
    """A self-signed certificate and its key, PEM."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30)).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()
