"""What the host's own screen says above the log-in: where the web interface is and which certificate it shows."""

from __future__ import annotations

from collections.abc import Sequence


def issue_text(node: str, addresses: Sequence[str], fingerprint: str, version: str) -> str:
    """Text for /run/issue.d (agetty(8)); backslashes would be escapes there, so none may come in by a name."""
    urls = [f"  https://{f'[{a}]' if ':' in a else a}:8006/" for a in addresses] or ["  (no address yet)"]
    lines = [
        "",
        f"Holdfast {version} on {node}. Manage this host from a browser:",
        *urls,
        "The certificate's SHA-256 fingerprint, to compare in the browser:",
        f"  {fingerprint[:47]}",
        f"  {fingerprint[48:]}",
        "",
    ]
    return "\n".join(line.replace("\\", "") for line in lines) + "\n"
