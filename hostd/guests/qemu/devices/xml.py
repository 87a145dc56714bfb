"""Building elements."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement


def element(tag: str, *children: Element | None, text: object = None, **attributes: object) -> Element:
    """An element with children and attributes; those that are None are left out, ``type_`` means ``type``."""
    made = Element(tag, {k.rstrip("_").replace("__", ":"): str(v) for k, v in attributes.items() if v is not None})
    if text is not None:
        made.text = str(text)
    made.extend(child for child in children if child is not None)
    return made


# Alias of a device → name, type and value of QEMU's own properties that it gets beside what libvirt knows.
Overrides = dict[str, list[tuple[str, str, str]]]


def override_element(overrides: Overrides, namespace: str) -> Element | None:
    """``<qemu:override>``; None where nothing is overridden. Source: libvirt, "QEMU driver", overriding properties."""
    if not overrides:
        return None
    found = Element(f"{{{namespace}}}override")
    for alias, properties in overrides.items():
        device = SubElement(found, f"{{{namespace}}}device", {"alias": alias})
        front = SubElement(device, f"{{{namespace}}}frontend")
        for name, type, value in properties:
            SubElement(front, f"{{{namespace}}}property", {"name": name, "type": type, "value": value})
    return found


def on_off(value: bool) -> str:
    return "on" if value else "off"


def yes_no(value: bool) -> str:
    return "yes" if value else "no"
