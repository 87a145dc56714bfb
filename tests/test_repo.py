"""Rules of the tree that a machine can check: floors, the one door for programs, file sizes, no shell."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Imports go down, never up or sideways; moving a floor is one reviewed line.
FLOORS = [
    {"core"},
    {"cluster", "tasks"},
    {"access", "storage", "network", "firewall", "node"},
    {"guests"},
    {"clustering", "ha", "backup", "migration", "replication", "metrics", "provision"},
    {"api"},
    {"daemons", "cli"},
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
PYTHON = sorted(p for top in ("hostd", "installer", "image-build") for p in (ROOT / top).rglob("*.py"))
# The one file of each program's tree that may start programs.
DOORS = {"hostd/core/run.py", "image-build/imagebuild/shell.py"}
LONGEST = 600


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(tree: ast.AST) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.lineno, node.module)] + [(node.lineno, f"{node.module}.{a.name}") for a in node.names]
    return found


def domain(dotted: str) -> str:
    parts = dotted.split(".")
    return parts[1] if parts[0] == "hostd" and len(parts) > 1 else ""


def test_there_is_something_to_check() -> None:
    assert len(PYTHON) > 20


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_imports_go_down(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    found = imports(ast.parse(path.read_text()))
    if parts[0] == "installer":
        wrong = [(n, m) for n, m in found if m.split(".")[0] == "hostd" and domain(m) not in ("core", "")]
    elif parts[0] == "hostd" and parts[1] in LEVEL:
        own = parts[1]
        wrong = [(n, m) for n, m in found if (d := domain(m)) in LEVEL and d != own and LEVEL[d] >= LEVEL[own]]
    else:
        wrong = []
    assert not wrong, f"{name(path)}: imports against the floors: {wrong}"


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_programs_start_through_one_door(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if name(path) not in DOORS:
        assert "subprocess" not in {m.split(".")[0] for _, m in imports(tree)}, "use hostd.core.run"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("os.system", "os.popen"), f"line {node.lineno}: {called}"
            assert not any(k.arg == "shell" and getattr(k.value, "value", None) for k in node.keywords), (
                f"line {node.lineno}: shell=True"
            )


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_only_the_connection_talks_to_libvirt(path: Path) -> None:
    found = {m.split(".")[0] for _, m in imports(ast.parse(path.read_text()))}
    assert "libvirt" not in found or name(path) == "hostd/guests/qemu/connection.py"


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_files_stay_readable(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert lines <= LONGEST, f"{name(path)} has {lines} lines; split it by noun"
