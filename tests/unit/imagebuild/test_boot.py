"""The medium's boot menu."""

from __future__ import annotations

import re

from imagebuild.steps import boot


def entries() -> dict[str, str]:
    return dict(re.findall(r"--id (\S+) --hotkey .*?\{\n    linux /live/vmlinuz (.*)\n", boot.menu()))


def test_every_entry_has_a_serial_twin() -> None:
    found = entries()
    plain = {name for name in found if not name.endswith("-serial")}
    assert plain == {"auto", "shell"}
    assert {f"{name}-serial" for name in plain} == set(found) - plain
    for name in plain:
        assert "ttyS0" not in found[name]
        assert found[f"{name}-serial"].split() == [*found[name].split(), "console=tty0", "console=ttyS0,115200"]


def test_only_the_automatic_entries_start_an_installation() -> None:
    assert {name for name, arguments in entries().items() if "holdfast.auto" in arguments.split()} == {
        "auto", "auto-serial",
    }  # fmt: skip


def test_no_graphical_mode_is_ever_set() -> None:
    assert re.findall(r"gfxpayload=(\S+)", boot.menu()) == ["text"]
    for word in ("vga=", "gfxmode", "insmod all_video", "vbe", "video="):
        assert word not in boot.menu()


def test_keys_are_unique() -> None:
    keys = re.findall(r"--hotkey (\S)", boot.menu())
    assert len(keys) == len(set(keys)) == 4


def test_without_an_answer_file_nothing_is_installed_by_itself() -> None:
    before, _, after = boot.menu().partition("if [ -e /answer.toml ]")
    assert re.findall(r"set default=(\S+)", before) == ["shell"]
    assert after.lstrip("; then\n").startswith("set default=auto\nfi")
