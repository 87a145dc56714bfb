"""Building elements."""

from __future__ import annotations

from xml.etree.ElementTree import Element


def element(tag: str, *children: Element | None, text: object = None, **attributes: object) -> Element:
    """An element with children and attributes; those that are None are left out, ``type_`` means ``type``."""
    made = Element(tag, {k.rstrip("_").replace("__", ":"): str(v) for k, v in attributes.items() if v is not None})
    if text is not None:
        made.text = str(text)
    made.extend(child for child in children if child is not None)
    return made


def on_off(value: bool) -> str:
    return "on" if value else "off"


def yes_no(value: bool) -> str:
    return "yes" if value else "no"
