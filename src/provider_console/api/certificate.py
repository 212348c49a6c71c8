"""The certificate that the server shows, and the one that takes its place while it runs."""

from __future__ import annotations

import ssl
from pathlib import Path

from provider_console.console.errors import BadRequest


class Certificate:
    """A certificate and its key in two files, read when it is made and at each `reload`.

    `context` is what a server listens with. Each connection gets the newest certificate that could be read; one that
    is open keeps what it has.

    Raises:
        BadRequest: the files are no certificate with its key.
    """

    def __init__(self, certfile: Path, keyfile: Path) -> None:
        self._files = (certfile, keyfile)
        self.context = self._newest = self._read()
        # To load another pair into the context itself would leave it with half of one where the other half is broken.
        self.context.sni_callback = self._choose

    def reload(self) -> None:
        """Show what the files hold now.

        Raises:
            BadRequest: they are no certificate with its key; the one before stays.
        """
        self._newest = self._read()

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest

    def _read(self) -> ssl.SSLContext:
        certfile, keyfile = self._files
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            # A key with a password would be asked for at the terminal.
            context.load_cert_chain(certfile, keyfile, password=lambda: "")
        except (OSError, ValueError) as error:
            raise BadRequest(
                f"{certfile} and {keyfile} are no certificate with its key: {error}", field="certfile"
            ) from error
        return context
