"""The ISO image's command line and manifest."""

from __future__ import annotations

from pathlib import Path

from imagebuild.steps import medium


def test_both_firmwares_and_usb_sticks_find_something_to_start() -> None:
    argv = medium.xorriso_argv(Path("/out.iso"), Path("/hybrid.img"), {"/b": Path("/2"), "/a": Path("/1")})
    line = " ".join(argv)
    assert "-b boot/grub/eltorito.img" in line
    assert "--efi-boot boot/grub/efi.img -efi-boot-part --efi-boot-image" in line
    assert "--grub2-mbr /hybrid.img" in line
    assert argv[-2:] == ["/a=/1", "/b=/2"]


def test_manifest_lists_only_what_is_installed(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text(
        "Package: zsh\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n"
        "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5\n"
    )
    assert [(p["name"], p["version"]) for p in medium.installed(status)] == [("bash", "5"), ("zsh", "2")]
