"""Where an engine elsewhere is: an address that somebody typed, read strictly."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlsplit

from provider_console.adapters.addresses import check_url
from provider_console.console.errors import BadRequest
from provider_console.sdk.errors import TransportError

LONGEST: Final = 300


class Address(NamedTuple):
    """The origin of a server, such as `https://console.example:8750`."""

    url: str
    target: str
    """Host and port, as messages name it."""
    plain: bool
    """In the clear: this machine only."""


def address_of(text: str) -> Address:
    """The address that a text names.

    Raises:
        BadRequest: it is none, or it is in the clear and not of this machine.

    >>> address_of("https://Console.Example:8750/").url
    'https://console.example:8750'
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _refused("it cannot be read") from None
    if len(text) > LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        raise _refused("it cannot be read")
    if parts.scheme not in ("http", "https") or not host:
        raise _refused("it begins with https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise _refused("no name or password belongs into it; a token shows who you are")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _refused("it ends with the port; the console knows the paths")
    if parts.scheme == "http":
        _look_at_plain(text)
    name = f"[{host}]" if ":" in host else host
    shown = name if port is None else f"{name}:{port}"
    return Address(url=f"{parts.scheme}://{shown}", target=shown, plain=parts.scheme == "http")


def _look_at_plain(text: str) -> None:
    try:
        checked = check_url(text, "loopback")
        here = checked.literal or checked.host == "localhost"
    except TransportError:
        here = False
    if not here:
        raise _refused("in the clear only this machine is connected to; use https://")


def _refused(why: str) -> BadRequest:
    return BadRequest(f"--connect takes an address such as https://console.example:8750: {why}", field="connect")
