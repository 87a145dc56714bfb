"""hostd: the root process of the API. Verifies the caller's own credentials itself."""

from __future__ import annotations

from hostd.access import keys
from hostd.api import sockets
from hostd.api.app import create_app
from hostd.api.server import serve
from hostd.cluster.store import Store
from hostd.daemons.api_wiring import make_api
from hostd.daemons.wiring import logging_to_stderr


def main() -> None:
    logging_to_stderr()
    keys.ensure(Store())
    serve(create_app(make_api(forward=None)), sockets.ROOT, group="hostd", mode=0o660)


if __name__ == "__main__":
    main()
