"""Root's password and SSH keys inside a container."""

from __future__ import annotations

from hostd.guests.lxc.inside import sections
from hostd.guests.lxc.inside.tree import Readable, Tree

_SHADOW_FIELDS = 9  # shadow(5)
_SHADOW_MODE = 0o640


def root_entry(tree: Readable) -> list[str]:
    """Root's fields of passwd(5); empty where there is none."""
    lines = (tree.read("etc/passwd") or "").splitlines()
    return next((fields for line in lines if (fields := line.split(":"))[0] == "root" and len(fields) >= 7), [])


def shadow(text: str, password_hash: str, today_days: int) -> str:
    """shadow(5) with another password for root, changed today; the line is added where it is missing."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        fields = line.split(":")
        if fields[0] == "root" and len(fields) == _SHADOW_FIELDS:
            lines[number] = ":".join(["root", password_hash, str(today_days), *fields[3:]])
            break
    else:
        lines.insert(0, f"root:{password_hash}:{today_days}:0:99999:7:::")
    return "".join(f"{line}\n" for line in lines)


def set_password(tree: Tree, password_hash: str, today_days: int) -> str:
    """Returns a warning, or "": there must be an account to set it for."""
    if not root_entry(tree):
        return "no account 'root' inside the container; its password was not set"
    mode = _SHADOW_MODE if tree.read("etc/shadow") is not None else 0o600
    tree.write("etc/shadow", shadow(tree.read("etc/shadow") or "", password_hash, today_days), mode=mode)
    return ""


def check_keys(text: str) -> str:
    """What is wrong with public keys, one per line, or "": a line holds a type, a key and perhaps a comment."""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words and not words[0].startswith("#") and (len(words) < 2 or not line.isprintable()):
            return f"SSH public key validation error: line {number} is no public key"
    return ""


def authorize_keys(tree: Tree, keys: str) -> None:
    """Add public keys to those that may log in as root (sshd(8), AUTHORIZED_KEYS FILE FORMAT)."""
    entry = root_entry(tree)
    home = (entry[5].strip("/") if entry else "") or "root"
    tree.make_dir(home, mode=0o700)
    tree.make_dir(f"{home}/.ssh", mode=0o700)
    path = f"{home}/.ssh/authorized_keys"
    lines = "".join(f"{line.strip()}\n" for line in keys.splitlines() if line.strip())
    tree.write(path, sections.placed(tree.read(path) or "", lines), mode=0o600)
