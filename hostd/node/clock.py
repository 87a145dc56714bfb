"""The node's time zone."""

from __future__ import annotations

import os
import re
import secrets
import time
import zoneinfo
from datetime import datetime

from hostd.core import files
from hostd.core.errors import Invalid

ZONES = "/usr/share/zoneinfo"
LOCALTIME = "/etc/localtime"
NAMED = "/etc/timezone"


def zone_of_link(target: str) -> str:
    """The zone that ``/etc/localtime`` points to: what follows ``zoneinfo/``; UTC where it points elsewhere."""
    _, found, zone = target.partition("zoneinfo/")
    return zone if found and zone else "UTC"


def zone(link: str = LOCALTIME) -> str:
    try:
        return zone_of_link(os.readlink(link))
    except OSError:
        return "UTC"


def check_zone(name: str, folder: str = ZONES) -> None:
    """Invalid unless the time zone database has the zone (tzfile(5): such files begin with ``TZif``)."""
    path = os.path.join(folder, name)
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", name) and os.path.isfile(path):
        with open(path, "rb") as file:
            if file.read(4) == b"TZif":
                return
    raise Invalid({"timezone": f"no time zone '{name}' (timedatectl list-timezones lists them)"})


def told(zone: str, now_s: float) -> dict[str, object]:
    """Answer of ``/nodes/{node}/time``; ``localtime`` is the epoch shifted by the zone's offset."""
    try:
        offset = datetime.fromtimestamp(now_s, zoneinfo.ZoneInfo(zone)).utcoffset()
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        offset = None
    shift = int(offset.total_seconds()) if offset else 0
    return {"timezone": zone, "time": int(now_s), "localtime": int(now_s) + shift}


def now_s() -> float:
    return time.time()


def set_zone(zone: str, *, link: str = LOCALTIME, named: str = NAMED, folder: str = ZONES) -> None:
    """Point ``/etc/localtime`` to the zone, and name it where a file names it.

    Not by timedatectl: it also tells the kernel, which at the first such call since boot moves the clock by the
    zone's offset (settimeofday(2)); a container would do that to its host.
    """
    temporary = f"{link}.{secrets.token_hex(4)}.new"
    os.symlink(os.path.join(folder, zone), temporary)
    os.rename(temporary, link)
    if os.path.exists(named):
        files.replace(named, f"{zone}\n".encode())
