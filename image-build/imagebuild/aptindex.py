"""Runs inside the tools tree: indexes of an APT repository, by python-debian. ``aptindex ROOT SUITE GNUPGHOME``.

Form: https://wiki.debian.org/DebianRepository/Format (Packages, Release, InRelease).
"""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
import time
from email.utils import formatdate
from pathlib import Path

from debian.deb822 import Packages, Release
from debian.debfile import DebFile

from imagebuild.shell import call

COMPONENT = "main"
ARCHITECTURE = "amd64"


def package_entry(root: Path, deb: Path) -> str:
    """The stanza of one .deb: its control fields with place, size and checksum."""
    entry = Packages(DebFile(filename=str(deb)).debcontrol())
    entry["Filename"] = str(deb.relative_to(root))
    entry["Size"] = str(deb.stat().st_size)
    entry["SHA256"] = hashlib.sha256(deb.read_bytes()).hexdigest()
    return str(entry)


def write_index(root: Path, suite: str) -> None:
    """Write Packages, Packages.gz and Release of ``root``; times come from SOURCE_DATE_EPOCH where it is set."""
    folder = root / "dists" / suite / COMPONENT / f"binary-{ARCHITECTURE}"
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join(package_entry(root, deb) for deb in sorted((root / "pool").rglob("*.deb"))).encode()
    (folder / "Packages").write_bytes(text)
    (folder / "Packages.gz").write_bytes(gzip.compress(text, mtime=0))
    base = root / "dists" / suite
    release = Release()
    release["Origin"] = "Holdfast"
    release["Label"] = "Holdfast"
    release["Suite"] = suite
    release["Codename"] = suite
    release["Architectures"] = ARCHITECTURE
    release["Components"] = COMPONENT
    release["Date"] = formatdate(float(os.environ.get("SOURCE_DATE_EPOCH", time.time())), usegmt=True)
    release["SHA256"] = [  # type: ignore[assignment]  # multivalued fields take lists of dicts
        {"sha256": hashlib.sha256(p.read_bytes()).hexdigest(), "size": p.stat().st_size, "name": p.relative_to(base)}
        for p in sorted(folder.iterdir())
    ]
    (base / "Release").write_text(str(release))


def sign(root: Path, suite: str, home: Path) -> None:
    """InRelease beside Release, and the public key at the repository's root."""
    base = root / "dists" / suite
    gpg: list[str | Path] = [
        "gpg",
        "--homedir",
        home,
        "--batch",
        "--yes",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
    ]
    call([*gpg, "--clearsign", "--output", base / "InRelease", base / "Release"])
    call([*gpg, "--output", root / "holdfast.gpg", "--export"])


def main(argv: list[str]) -> None:
    root, suite, home = Path(argv[0]), argv[1], Path(argv[2])
    write_index(root, suite)
    sign(root, suite, home)


if __name__ == "__main__":
    main(sys.argv[1:])
