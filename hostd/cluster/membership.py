"""Who belongs to the cluster: the stored corosync.conf."""

from __future__ import annotations

from hostd.cluster.corosync import conffile
from hostd.cluster.corosync.conf import ClusterConf, validate
from hostd.cluster.store import Mirror
from hostd.core.errors import Invalid, ParseError

PATH = "corosync.conf"


def stored(mirror: Mirror) -> ClusterConf | None:
    """The cluster's configuration; None on a host that joined none. Raises ParseError where the file is wrong."""
    file = mirror.get(PATH)
    if file is None:
        return None
    conf = ClusterConf(conffile.parse(file.data.decode(errors="replace")))
    try:
        validate(conf)
    except Invalid as err:
        raise ParseError(f"/etc/pve/{PATH}: {err}") from err
    return conf
