"""hostd-api: the unprivileged front of the API, as user ``hostd``."""

from __future__ import annotations

from hostd.api.app import create_app
from hostd.api.forward import RootForward
from hostd.api.server import serve
from hostd.daemons.wiring import logging_to_stderr, make_api


def main() -> None:
    logging_to_stderr()
    serve(create_app(make_api(forward=RootForward())), "/run/hostd/api/api.sock", mode=0o666)


if __name__ == "__main__":
    main()
