"""Where a provider's address may be: the URL before a request, and every address its name resolves to.

A URL passes through several parsers on its way to the socket, and they disagree about strange spellings. So
`check_url` reads it once, strictly, and hands on a rewritten one in which no spelling is left to interpret.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, Literal, NamedTuple, NoReturn
from urllib.parse import quote, urlsplit

from provider_console.core.credentials import is_credential_name
from provider_console.sdk.errors import TransportError
from provider_console.sdk.provider import Network

Address = IPv4Address | IPv6Address

Place = Literal["global", "private", "loopback", "metadata", "nowhere"]
"""Where an address is. `nowhere` is no machine a provider could be: link-local, multicast, reserved."""

URL_CHARACTERS: Final = 8192

_LOOPBACK_V4: Final = IPv4Network("127.0.0.0/8")
_PRIVATE_V4: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
# IANA's special-purpose registries, written out: `ipaddress.is_global` differs between Python's patch versions.
_NOWHERE_V4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "169.254.0.0/16",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_PRIVATE_V6: Final = IPv6Network("fc00::/7")
_NOWHERE_V6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NAT64: Final = IPv6Network("64:ff9b::/96")
# The address services that hand a machine's own credentials to whoever asks: AWS, Google, Azure, Alibaba,
# Oracle, Tencent and their like. Most are link-local; these are named so that the refusal says why.
_METADATA: Final = tuple(
    map(
        IPv4Network,
        (
            "169.254.169.254/32",
            "169.254.170.2/32",
            "169.254.170.23/32",
            "169.254.0.23/32",
            "100.100.100.200/32",
            "168.63.129.16/32",
            "192.0.0.192/32",
        ),
    )
)
_METADATA_V6: Final = tuple(map(IPv6Network, ("fd00:ec2::/32", "fd20:ce::254/128", "fd00:42::42/128")))
_METADATA_NAMES: Final = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "metadata",
        "metadata.azure.internal",
        "metadata.google.internal",
        "metadata.goog",
        "metadata.tencentyun.com",
    }
)
_LOOPBACK_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
# Ports of other protocols that obey a line of an HTTP body: the list of the Fetch standard, section 2.9.
_OTHER_PROTOCOLS: Final = frozenset(
    {1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109}
    | {110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530}
    | {531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190}
    | {5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080}
)
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)(?:#.*)?", re.DOTALL)
_AUTHORITY: Final = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::([0-9]{1,5}))?")
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
_LABEL: Final = re.compile(r"[a-z0-9_-]{1,63}")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
# IDNA 2003 and 2008 read these differently: two names for one spelling is what an impostor needs.
_DEVIATIONS: Final = frozenset("\u00df\u1e9e\u03c2\u200c\u200d")
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")
_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class CheckedUrl:
    """A URL that may be requested, rewritten: lower case, address in its usual form, no fragment.

    `literal` says that the host is an IP address, so that no lookup follows.
    """

    url: str
    scheme: Literal["http", "https"]
    host: str
    port: int
    literal: bool

    @property
    def target(self) -> str:
        """Host and port, as errors name them."""
        return target_of(self.host, self.port)


def check_url(url: str, network: Network) -> CheckedUrl:
    """The URL as it may be requested inside a network.

    An IP address, in whatever spelling a socket accepts, is judged here; a name only by what it says, and by
    `resolver.PinnedResolver` once it is resolved.

    >>> check_url("HTTPS://API.Example.com:443/v1?a=1#top", "global").url
    'https://api.example.com/v1?a=1'
    >>> check_url("http://0x7f.1:11434/api/tags", "loopback").target
    '127.0.0.1:11434'

    Raises:
        TransportError: kind `address`; the message says what to change.
    """
    if len(url) > URL_CHARACTERS:
        refuse(f"the provider's address is longer than {URL_CHARACTERS} characters; shorten base_url")
    if _FORBIDDEN.search(url):
        refuse("the provider's address holds a space, a control character or a backslash; remove it from base_url")
    parts = _URL.fullmatch(url)
    if parts is None:
        refuse("the provider's address is not a URL; write base_url as https://host/path")
    scheme = _scheme(parts[1].lower())
    host, port = _authority(parts[2], 443 if scheme == "https" else 80)
    address = _as_address(host)
    target = target_of(host if address is None else str(address), port)
    if port in _OTHER_PROTOCOLS:
        refuse(f"port {port} of {target} belongs to another protocol than HTTP; correct the port in base_url")
    if address is None:
        _judge_name(host, network, target=target)
    else:
        check_address(address, network, target=target, plain=scheme == "http")
    if scheme == "http" and network == "global":
        refuse(
            f'{target} is asked for without encryption, and network = "global" takes https only; '
            'write https://, or set network = "private" for the company\'s own network'
        )
    if address is not None:
        host = str(unmapped(address))
    authority = _bracketed(host) if port == (443 if scheme == "https" else 80) else target_of(host, port)
    rest = parts[3]
    if not rest.startswith("/"):
        rest = "/" + rest
    if not rest.isascii():
        rest = quote(rest, safe=_ASCII)
    return CheckedUrl(f"{scheme}://{authority}{rest}", scheme, host, port, address is not None)


def check_address(address: Address, network: Network, *, target: str, plain: bool) -> None:
    """Let an address pass, or say why not. `target` names it in the message, `plain` is http without TLS.

    Raises:
        TransportError: kind `address`.
    """
    where = place(address)
    if where == "metadata":
        refuse(f"{target} is a cloud's metadata service, which no provider may be; correct base_url")
    if where == "nowhere":
        refuse(f"{target} leads to {address}, where no provider can be (link-local or reserved); correct base_url")
    if where == network or (network == "private" and where == "global" and not plain):
        return
    if where == "global" and network == "private":
        refuse(f"{target} leads to {address} on the internet, where only https is spoken; write https:// in base_url")
    if where == "global":
        refuse(f'{target} leads to {address} on the internet; remove network = "loopback" if that is meant')
    meaning = "this machine" if where == "loopback" else "a private network"
    refuse(f'{target} leads to {address} on {meaning}; set network = "{where}" for this provider if that is meant')


def place(address: Address) -> Place:
    """Where an address is, with IPv4 addresses inside IPv6 ones judged as what they reach.

    >>> [place(IPv6Address(text)) for text in ("::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::808:808", "fd00::1")]
    ['loopback', 'nowhere', 'global', 'private']
    """
    if isinstance(address, IPv6Address):
        return _place_v6(address)
    if any(address in network for network in _METADATA):
        return "metadata"
    if address in _LOOPBACK_V4:
        return "loopback"
    if any(address in network for network in _PRIVATE_V4):
        return "private"
    return "nowhere" if any(address in network for network in _NOWHERE_V4) else "global"


def _place_v6(address: IPv6Address) -> Place:
    mapped = address.ipv4_mapped
    if mapped is not None:
        return place(mapped)
    tunnelled = _tunnelled(address)
    if tunnelled:
        # A relay carries the packet to an IPv4 address: only a public one is somebody's own choice.
        places = {place(inner) for inner in tunnelled}
        return "metadata" if "metadata" in places else "global" if places == {"global"} else "nowhere"
    if address == IPv6Address(1):
        return "loopback"
    if any(address in network for network in _METADATA_V6):
        return "metadata"
    if address in _PRIVATE_V6:
        return "private"
    if address not in _GLOBAL_V6 or any(address in network for network in _NOWHERE_V6):
        return "nowhere"
    return "global"


def _tunnelled(address: IPv6Address) -> tuple[IPv4Address, ...]:
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFF_FFFF),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    # ISATAP (RFC 5214, 6.1): the interface identifier is ::0:5efe or ::200:5efe and an IPv4 address.
    if address in _GLOBAL_V6 and (int(address) >> 32) & 0xFDFF_FFFF == 0x5EFE:
        return (IPv4Address(int(address) & 0xFFFF_FFFF),)
    return ()


def _scheme(text: str) -> Literal["http", "https"]:
    if text not in ("http", "https"):
        refuse(f"the provider's address begins with {text[:16]}://, and only https:// and http:// are spoken")
    return "https" if text == "https" else "http"


def _authority(text: str, default_port: int) -> tuple[str, int]:
    if "@" in text:
        refuse("the provider's address holds a user name or password; remove it and name a credential instead")
    parts = _AUTHORITY.fullmatch(text)
    if parts is None:
        refuse("the host or port of the provider's address cannot be read; write base_url as https://host:port/path")
    bracketed, named, port_text = parts.groups()
    port = default_port if port_text is None else int(port_text)
    if not 0 < port < 65536:
        refuse(f"port {port} does not exist; write one of 1 to 65535 in base_url")
    if bracketed is None:
        return _name(named), port
    address = parsed(bracketed)
    if not isinstance(address, IPv6Address):
        refuse("the IPv6 address in base_url cannot be read; write it as [2001:db8::1], without a zone")
    return str(address), port


def _name(text: str) -> str:
    name = text.lower()
    if not name.isascii():
        name = _folded(name)
    name = name.removesuffix(".")
    if not name:
        refuse("the provider's address has no host; write base_url as https://host/path")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        refuse("the host in base_url is not a host name; write it in letters, digits, dots and hyphens")
    return name


def _folded(name: str) -> str:
    folded = _DOTS.sub(".", unicodedata.normalize("NFKC", name).lower())
    try:
        ascii_form = folded if folded.isascii() else folded.encode("idna").decode("ascii").lower()
    except UnicodeError:
        ascii_form = ""
    if not ascii_form or not _DEVIATIONS.isdisjoint(name):
        refuse("the international host in base_url can be read in two ways; write it in its ASCII form, xn--...")
    return ascii_form


def _as_address(host: str) -> Address | None:
    """The address a host spells, None for a name. Numbers are read as the C library's `inet_aton` reads them."""
    if ":" in host:
        return IPv6Address(host)
    labels = host.split(".")
    if not _NUMBER.fullmatch(labels[-1]):
        return None
    values = [_number(label) for label in labels]
    *leading, last = values
    if len(values) > 4 or any(value > 255 for value in leading) or last >= 256 ** (5 - len(values)):
        refuse("the host in base_url is neither a name nor an IPv4 address; write four numbers from 0 to 255")
    number = last
    for position, value in enumerate(leading):
        number |= value << 8 * (3 - position)
    return IPv4Address(number)


def _number(label: str) -> int:
    """Decimal, octal after 0, hexadecimal after 0x; something larger than any address for everything else."""
    # 24 characters hold every number there is a use for; int() would take underscores and any length.
    if len(label) > 24 or not _NUMBER.fullmatch(label):
        return 1 << 64
    if label.startswith("0x"):
        # "0x" alone is 0 to a browser and no number to the C library: 0.0.0.0 is refused either way.
        return int(label[2:] or "0", 16)
    try:
        return int(label, 8 if label.startswith("0") else 10)
    except ValueError:
        return 1 << 64


def _judge_name(host: str, network: Network, *, target: str) -> None:
    if host in _METADATA_NAMES:
        refuse(f"{target} is a cloud's metadata service, which no provider may be; correct base_url")
    if (host in _LOOPBACK_NAMES or host.endswith(".localhost")) and network != "loopback":
        refuse(f'{target} is this machine; set network = "loopback" for this provider if that is meant')


def parsed(text: str) -> Address | None:
    """An IP address in its usual spelling; None for anything else, and for one of a single interface (`%eth0`)."""
    if "%" in text:
        return None
    try:
        return IPv6Address(text) if ":" in text else IPv4Address(text)
    except ValueError:
        return None


def unmapped(address: Address) -> Address:
    """The address a socket would reach: an IPv4 one for `::ffff:a.b.c.d`."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


class ProxyAddress(NamedTuple):
    """Where a proxy is, and the name of the credential that holds `USER:PASSWORD` for it."""

    url: str
    credential: str | None


def proxy_address(text: str) -> ProxyAddress:
    """A proxy as `network.proxy` has it: where other URLs have a user, it has the name of a credential.

    >>> proxy_address("http://PROXY_LOGIN@proxy.company:3128")
    ProxyAddress(url='http://proxy.company:3128', credential='PROXY_LOGIN')

    Raises:
        ValueError: what is wrong, without repeating it: a password may stand in it.
    """
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("is not the address of a proxy; write http://host:port")
    user, at, host = parts.netloc.rpartition("@")
    if at and not is_credential_name(user):
        raise ValueError(
            "holds a user or a password; store USER:PASSWORD as a credential and write its NAME in their place: "
            "http://NAME@host:port"
        )
    return ProxyAddress(f"{parts.scheme}://{host}", user or None)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def target_of(host: str, port: int) -> str:
    """Host and port as errors name them."""
    return f"{_bracketed(host)}:{port}"


def refuse(message: str) -> NoReturn:
    """Raise the error of an address that may not be used; nothing was sent."""
    raise TransportError(message, kind="address", never_left=True)
