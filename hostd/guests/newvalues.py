"""What new values of a configuration ask for, of machines and of containers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from hostd.core.errors import HostError, Invalid
from hostd.storage.volume import VolumeId

New = TypeVar("New")
Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Plan(Generic[New]):
    """``values``: what will stand in the file, volumes that are ``new`` still as they were asked for.

    ``existing``: key → volume.
    """

    values: Mapping[str, str]
    new: tuple[New, ...] = ()
    existing: Mapping[str, VolumeId] = field(default_factory=dict)


def each(values: Mapping[str, str], look: Callable[[str, str], Found]) -> dict[str, Found]:
    """What ``look`` makes of every key and its value. Raises Invalid with every key that it refuses."""
    found: dict[str, Found] = {}
    errors: dict[str, str] = {}
    for key, value in values.items():
        try:
            found[key] = look(key, value)
        except HostError as err:
            errors[key] = next(iter(err.errors.values())) if isinstance(err, Invalid) else str(err)
    if errors:
        raise Invalid(errors)
    return found
