"""hostd-api: the unprivileged front of the API, as user ``hostd``."""

from __future__ import annotations

from hostd.api import sockets
from hostd.api.app import create_app
from hostd.api.forward import RootForward
from hostd.api.server import serve
from hostd.daemons.api_wiring import make_api
from hostd.daemons.wiring import logging_to_stderr


def main() -> None:
    logging_to_stderr()
    serve(create_app(make_api(forward=RootForward())), sockets.FRONT, mode=0o666)


if __name__ == "__main__":
    main()
