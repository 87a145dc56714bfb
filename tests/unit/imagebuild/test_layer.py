"""Layers of the root file system."""

from __future__ import annotations

from imagebuild.layer import overlay_options


def test_layers_are_stacked_topmost_first() -> None:
    assert overlay_options(["/top", "/base"]) == "lowerdir=/top:/base"
    assert overlay_options(["/top", "/base"], "/new", "/work") == "lowerdir=/top:/base,upperdir=/new,workdir=/work"
