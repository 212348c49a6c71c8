"""Runs Debian's Apertium APY on loopback: `/usr/bin/python3 apertium_loopback.py`, the port on the first line.

The packaged `apertium-apy` listens on every interface and has no option for another; this is its own application on
a socket of 127.0.0.1. Not imported by the tests: it runs under the system's Python, where the package lives.
"""

import tornado.httpserver
import tornado.ioloop
import tornado.netutil
from apertium_apy import apy

LANGUAGE_NAMES = "/usr/share/apertium-apy/langNames.db"
MODES = "/usr/share/apertium/modes"


def main() -> None:
    """Serve until killed."""
    server = tornado.httpserver.HTTPServer(apy.setup_application(apy.parse_args(["-l", LANGUAGE_NAMES, MODES])))
    sockets = tornado.netutil.bind_sockets(0, address="127.0.0.1")
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)  # noqa: T201 - read by the one who started this
    tornado.ioloop.IOLoop.current().start()


if __name__ == "__main__":
    main()
