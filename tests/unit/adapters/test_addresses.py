"""Which URLs may be requested inside which network, and which addresses a name may turn out to have."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.adapters.hand_clock import HandClock

from provider_console.adapters.addresses import check_url, place
from provider_console.adapters.resolver import LOOKUP_KEPT_S, PinnedResolver, SystemLookup
from provider_console.sdk.errors import TransportError
from provider_console.sdk.provider import Network

NETWORKS: dict[str, Network] = {"g": "global", "p": "private", "l": "loopback"}

# Each URL, and the networks it may be requested in: g(lobal), p(rivate), l(oopback). A name is let through
# here wherever it does not say itself what it is; the resolver looks at what it leads to.
FORMS: list[tuple[str, str]] = [
    # names
    ("https://api.openai.com/v1/models", "gpl"),
    ("HTTPS://API.OpenAI.com/v1", "gpl"),
    ("https://api.openai.com", "gpl"),
    ("https://api.openai.com.", "gpl"),
    ("https://api.openai.com:8443/v1", "gpl"),
    ("https://api.openai.com:443", "gpl"),
    ("https://api.openai.com?limit=1", "gpl"),
    ("https://api.openai.com#part", "gpl"),
    ("https://xn--mller-kva.example/", "gpl"),
    ("https://müller.example/", "gpl"),
    ("https://my_service/", "gpl"),
    ("https://1.2.3.4.example.com/", "gpl"),
    ("https://127.0.0.1.nip.io/", "gpl"),
    ("https://0x7f.example/", "gpl"),
    ("https://example.com/@10.0.0.1", "gpl"),
    ("https://example.com/?next=http://10.0.0.1", "gpl"),
    ("https://example.com/ü", "gpl"),
    ("http://api.openai.com/v1", "pl"),
    ("http://models.company:8080/", "pl"),
    ("http://api.openai.com:443/", "pl"),
    # this machine by name
    ("https://localhost/", "l"),
    ("http://localhost:11434/api/tags", "l"),
    ("http://LOCALHOST:11434/", "l"),
    ("http://localhost./", "l"),
    ("http://a.localhost/", "l"),
    ("https://localhost.localdomain/", "l"),
    ("https://ip6-localhost/", "l"),
    ("https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "l"),
    ("https://localhost/", "l"),
    # this machine by number
    ("http://127.0.0.1/", "l"),
    ("https://127.0.0.1/", "l"),
    ("https://127.0.0.1./", "l"),
    ("https://127.255.255.254/", "l"),
    ("https://127.1/", "l"),
    ("https://127.0.1/", "l"),
    ("https://2130706433/", "l"),
    ("https://017700000001/", "l"),
    ("https://0x7f000001/", "l"),
    ("https://0X7F000001/", "l"),
    ("https://0x7f.1/", "l"),
    ("https://0x7f.0x0.0x0.0x1/", "l"),
    ("https://0177.1/", "l"),
    ("https://0177.0.0.01/", "l"),
    ("https://0000000000177.0.0.1/", "l"),
    ("https://127.0x1/", "l"),
    ("https://127.0.00000001/", "l"),
    ("https://127.0.0.0x01/", "l"),
    ("https://127.65535/", "l"),
    ("https://１２７.0.0.1/", "l"),
    ("https://127。0。0。1/", "l"),
    ("https://127．0．0．1/", "l"),
    ("https://127｡0｡0｡1/", "l"),
    ("https://①②⑦.⓪.⓪.①/", "l"),
    ("https://[::1]/", "l"),
    ("http://[::1]:11434/", "l"),
    ("https://[0:0:0:0:0:0:0:1]/", "l"),
    ("https://[0000::0001]/", "l"),
    ("https://[::ffff:127.0.0.1]/", "l"),
    ("https://[::FFFF:7f00:1]/", "l"),
    ("https://[0:0:0:0:0:ffff:127.0.0.1]/", "l"),
    # the company's network
    ("https://10.0.0.1/", "p"),
    ("http://10.0.0.1:8080/", "p"),
    ("https://10.255.255.255/", "p"),
    ("https://10.1/", "p"),
    ("https://0xa000001/", "p"),
    ("https://167772161/", "p"),
    ("https://012.0.0.1/", "p"),
    ("https://172.16.0.1/", "p"),
    ("https://172.31.255.254/", "p"),
    ("https://192.168.0.1/", "p"),
    ("https://192.168.1/", "p"),
    ("https://3232235521/", "p"),
    ("https://0xc0.0xa8.0.1/", "p"),
    ("https://100.64.0.1/", "p"),
    ("https://100.127.255.255/", "p"),
    ("https://[fc00::1]/", "p"),
    ("https://[fd12:3456::1]/", "p"),
    ("http://[fd12:3456::1]:8080/", "p"),
    ("https://[::ffff:10.0.0.1]/", "p"),
    ("https://[::ffff:c0a8:1]/", "p"),
    # the internet
    ("https://8.8.8.8/", "gp"),
    ("https://134744072/", "gp"),
    ("https://172.15.255.255/", "gp"),
    ("https://172.32.0.1/", "gp"),
    ("https://100.63.255.255/", "gp"),
    ("https://100.128.0.1/", "gp"),
    ("https://11.0.0.1/", "gp"),
    ("https://126.255.255.255/", "gp"),
    ("https://128.0.0.1/", "gp"),
    ("https://[2606:4700::1111]/", "gp"),
    ("https://[2001:4860:4860::8888]/", "gp"),
    ("https://[::ffff:8.8.8.8]/", "gp"),
    ("https://[64:ff9b::8.8.8.8]/", "gp"),
    ("https://[2002:808:808::1]/", "gp"),
    ("http://8.8.8.8/", ""),
    ("http://[2606:4700::1111]/", ""),
    # tunnels to where nobody should dig
    ("https://[64:ff9b::127.0.0.1]/", ""),
    ("https://[64:ff9b::10.0.0.1]/", ""),
    ("https://[64:ff9b::169.254.169.254]/", ""),
    ("https://[64:ff9b:1::8.8.8.8]/", ""),
    ("https://[2002:7f00:1::]/", ""),
    ("https://[2002:a00:1::1]/", ""),
    ("https://[2002:a9fe:a9fe::1]/", ""),
    ("https://[2001:0:808:808:0:0:80ff:fffe]/", ""),
    ("https://[2001:0:7f00:1::]/", ""),
    ("https://[2606:4700::5efe:7f00:1]/", ""),
    ("https://[2606:4700::200:5efe:10.0.0.1]/", ""),
    ("https://[::127.0.0.1]/", ""),
    ("https://[::8.8.8.8]/", ""),
    # metadata
    ("http://169.254.169.254/latest/meta-data/", ""),
    ("https://169.254.169.254/", ""),
    ("https://2852039166/", ""),
    ("https://0xa9fea9fe/", ""),
    ("https://0xa9.0xfe.0xa9.0xfe/", ""),
    ("https://0251.0376.0251.0376/", ""),
    ("https://169.254.43518/", ""),
    ("https://169.16689662/", ""),
    ("https://①⑥⑨.②⑤④.①⑥⑨.②⑤④/", ""),
    ("https://[::ffff:169.254.169.254]/", ""),
    ("https://[::ffff:a9fe:a9fe]/", ""),
    ("https://[fd00:ec2::254]/", ""),
    ("https://[fd20:ce::254]/", ""),
    ("https://169.254.170.2/v2/credentials", ""),
    ("https://100.100.100.200/", ""),
    ("https://168.63.129.16/", ""),
    ("https://192.0.0.192/", ""),
    ("https://metadata.google.internal/", ""),
    ("http://METADATA.google.internal./computeMetadata/v1/", ""),
    ("https://metadata/", ""),
    ("https://metadata.goog/", ""),
    ("https://instance-data/", ""),
    ("https://instance-data.ec2.internal/", ""),
    ("https://metadata.tencentyun.com/", ""),
    # nobody's addresses
    ("https://0.0.0.0/", ""),
    ("https://0/", ""),
    ("https://0x/", ""),
    ("https://0.1.2.3/", ""),
    ("https://169.254.1.1/", ""),
    ("https://192.0.2.1/", ""),
    ("https://198.18.0.1/", ""),
    ("https://198.51.100.1/", ""),
    ("https://203.0.113.1/", ""),
    ("https://224.0.0.1/", ""),
    ("https://240.0.0.1/", ""),
    ("https://255.255.255.255/", ""),
    ("https://4294967295/", ""),
    ("https://[::]/", ""),
    ("https://[fe80::1]/", ""),
    ("https://[fe80::1%25eth0]/", ""),
    ("https://[fe80::1%eth0]/", ""),
    ("https://[::1%lo]/", ""),
    ("https://[fec0::1]/", ""),
    ("https://[ff02::1]/", ""),
    ("https://[2001:db8::1]/", ""),
    ("https://[100::1]/", ""),
    # numbers that are none
    ("https://4294967296/", ""),
    ("https://256.0.0.1/", ""),
    ("https://1.2.3.4.5/", ""),
    ("https://127.0.0.08/", ""),
    ("https://1_0.0.0.1/", ""),
    ("https://127..0.1/", ""),
    ("https://127.0.0.1../", ""),
    ("https://0x7f.0.0.1g/", "gpl"),
    ("https://foo.1/", ""),
    ("https://00000000000000000000000000000177.0.0.1/", ""),
    ("https://[127.0.0.1]/", ""),
    ("https://[::1/", ""),
    ("https://::1/", ""),
    ("https://[::1]extra/", ""),
    ("https://[]/", ""),
    ("https://[v1.fe]/", ""),
    ("https://[::ffff:0177.0.0.1]/", ""),
    # users, ports, schemes, characters
    ("https://user@example.com/", ""),
    ("https://user:password@example.com/", ""),
    ("https://example.com@10.0.0.1/", ""),
    ("https://example.com%40@10.0.0.1/", ""),
    ("https://@example.com/", ""),
    ("https://example.com:0/", ""),
    ("https://example.com:65536/", ""),
    ("https://example.com:999999/", ""),
    ("https://example.com:-1/", ""),
    ("https://example.com:+80/", ""),
    ("https://example.com:８０/", ""),
    ("https://example.com:http/", ""),
    ("https://example.com:/", ""),
    ("https://example.com:80:80/", ""),
    ("https://example.com:22/", ""),
    ("https://example.com:25/", ""),
    ("http://127.0.0.1:6667/", ""),
    ("ftp://example.com/", ""),
    ("file:///etc/passwd", ""),
    ("gopher://127.0.0.1:6379/_INFO", ""),
    ("data:text/plain,a", ""),
    ("javascript:alert(1)", ""),
    ("unix:///run/docker.sock", ""),
    ("//example.com/", ""),
    ("/v1/models", ""),
    ("example.com", ""),
    ("https:example.com", ""),
    ("https:/example.com", ""),
    ("https:///example.com", ""),
    ("https://", ""),
    ("https://./", ""),
    ("", ""),
    (" https://example.com/", ""),
    ("https://example.com /", ""),
    ("https://exam\nple.com/", ""),
    ("https://example.com/\r\nHost: 10.0.0.1", ""),
    ("https://example.com\t/", ""),
    ("https://example.com\x00.internal/", ""),
    ("https://example.com\\@10.0.0.1/", ""),
    ("https:\\\\10.0.0.1\\", ""),
    ("https://example.com/a b", ""),
    ("https://%31%32%37.0.0.1/", ""),
    ("https://127.0.0.1%00.example.com/", ""),
    ("https://example%2ecom/", ""),
    ("https://exa mple.com/", ""),
    ("https://ex*mple.com/", ""),
    ("https://straße.example/", ""),
    ("https://a\u200db.example/", ""),
    ("https://a\u202eb.example/", ""),
    (f"https://{'a' * 64}.example/", ""),
    (f"https://{'a.' * 127}example/", ""),
    (f"https://example.com/{'a' * 8192}", ""),
]


@pytest.mark.parametrize("letter", NETWORKS)
@pytest.mark.parametrize(("url", "allowed"), FORMS)
def test_a_url_may_be_requested_in_these_networks_only(url: str, allowed: str, letter: str) -> None:
    if letter in allowed:
        check_url(url, NETWORKS[letter])
        return
    with pytest.raises(TransportError) as caught:
        check_url(url, NETWORKS[letter])
    assert caught.value.kind == "address"
    assert caught.value.never_left


def test_the_table_has_at_least_a_hundred_and_fifty_forms() -> None:
    assert len({url for url, _ in FORMS}) >= 150


@pytest.mark.parametrize(
    ("url", "rewritten"),
    [
        ("HTTP://0177.1:8080", "http://127.0.0.1:8080/"),
        ("http://[::ffff:127.0.0.1]/", "http://127.0.0.1/"),
        ("http://[0:0::1]:80/", "http://[::1]/"),
        ("http://１２７.0.0.1/", "http://127.0.0.1/"),
        ("https://LOCALHOST.:443/Path?Query=1#x", "https://localhost/Path?Query=1"),
        ("https://müller.localhost/ü?q=ü%20", "https://xn--mller-kva.localhost/%C3%BC?q=%C3%BC%20"),
        ("http://localhost?a=1", "http://localhost/?a=1"),
    ],
)
def test_a_url_is_rewritten_so_that_every_parser_reads_it_alike(url: str, rewritten: str) -> None:
    assert check_url(url, "loopback").url == rewritten


@pytest.mark.parametrize(
    ("url", "network", "advice"),
    [
        ("http://localhost:11434", "global", 'set network = "loopback"'),
        ("https://127.0.0.1", "global", 'set network = "loopback"'),
        ("https://10.0.0.1", "global", 'set network = "private"'),
        ("https://10.0.0.1", "loopback", 'set network = "private"'),
        ("https://8.8.8.8", "loopback", 'remove network = "loopback"'),
        ("http://8.8.8.8", "private", "write https://"),
        ("http://api.example.com", "global", "write https://"),
        ("https://169.254.169.254", "private", "metadata"),
        ("https://user:pw@host", "global", "name a credential"),
    ],
)
def test_a_refusal_says_what_to_change(url: str, network: Network, advice: str) -> None:
    with pytest.raises(TransportError) as caught:
        check_url(url, network)

    assert advice in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://user:canary-7@example.com/",
        "https://10.0.0.1/canary-7?key=canary-7",
        "http://example.com/?key=canary-7",
        "https://example.com/?key=canary-7 ",
        "canary-7",
        "https://example.com:canary-7/",
        "https://canary-7%/",
    ],
)
def test_a_refusal_holds_no_user_path_or_query(url: str) -> None:
    with pytest.raises(TransportError) as caught:
        check_url(url, "global")

    assert "canary-7" not in caught.value.message


@given(st.integers(0, 2**32 - 1))
def test_every_spelling_of_a_number_is_the_address_the_c_library_makes_of_it(number: int) -> None:
    octets = number.to_bytes(4)
    spellings = [
        str(number),
        hex(number),
        f"0{number:o}",
        f"{octets[0]}.{number & 0xFFFFFF}",
        f"{hex(octets[0])}.0{octets[1]:o}.{number & 0xFFFF}",
        ".".join(map(hex, octets)),
    ]
    for spelling in spellings:
        assert socket.inet_aton(spelling) == octets
        verdicts = set()
        for text in (spelling, str(ip_address(number))):
            try:
                verdicts.add(check_url(f"https://{text}/", "private").host)
            except TransportError as refusal:
                verdicts.add(refusal.message)
        assert len(verdicts) == 1


@given(st.ip_addresses())
def test_every_address_has_a_place_and_a_global_one_is_global_to_python_too(address: object) -> None:
    assert isinstance(address, (IPv4Address, IPv6Address))
    where = place(address)

    assert where in ("global", "private", "loopback", "metadata", "nowhere")
    if where == "global" and isinstance(address, IPv4Address):
        assert address.is_global


class Names:
    """Answers lookups from a script, one list a question; the last one stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize(
    ("addresses", "network", "plain", "refused"),
    [
        (["8.8.8.8", "2606:4700::1111"], "global", False, False),
        (["8.8.8.8", "10.0.0.1"], "global", False, True),
        (["8.8.8.8", "::1"], "global", False, True),
        (["::ffff:127.0.0.1"], "global", False, True),
        (["64:ff9b::7f00:1"], "global", False, True),
        (["169.254.169.254"], "global", False, True),
        (["0.0.0.0"], "global", False, True),
        (["fe80::1%eth0"], "global", False, True),
        (["10.0.0.1", "8.8.8.8"], "private", False, False),
        (["10.0.0.1"], "private", True, False),
        (["10.0.0.1", "8.8.8.8"], "private", True, True),
        (["127.0.0.1"], "private", False, True),
        (["100.100.100.200"], "private", False, True),
        (["fd00:ec2::254"], "private", False, True),
        (["127.0.0.1", "::1"], "loopback", True, False),
        (["127.0.0.1", "10.0.0.1"], "loopback", True, True),
        (["169.254.169.254"], "loopback", True, True),
    ],
)
async def test_every_address_of_a_name_has_to_be_allowed(
    addresses: list[str], network: Network, plain: bool, refused: bool
) -> None:
    resolver = PinnedResolver(network, plain=plain, lookup=Names(addresses))

    if refused:
        with pytest.raises(TransportError) as caught:
            await resolver.resolve("models.example", 443)
        assert caught.value.kind == "address"
        assert "models.example:443" in caught.value.message
    else:
        assert [entry["host"] for entry in await resolver.resolve("models.example", 443)] == addresses


async def test_a_name_that_turns_inward_is_refused_the_second_time() -> None:
    resolver = PinnedResolver("global", plain=False, lookup=Names(["8.8.8.8"], ["127.0.0.1"]))

    assert [entry["host"] for entry in await resolver.resolve("rebinding.example", 443)] == ["8.8.8.8"]
    with pytest.raises(TransportError, match="this machine"):
        await resolver.resolve("rebinding.example", 443)


async def test_a_mapped_address_is_connected_to_as_the_ipv4_address_that_was_checked() -> None:
    resolver = PinnedResolver("loopback", plain=True, lookup=Names(["::ffff:127.0.0.1"]))

    (entry,) = await resolver.resolve("here", 80)

    assert (entry["host"], entry["family"]) == ("127.0.0.1", socket.AF_INET)


async def test_a_name_without_addresses_is_a_lookup_error() -> None:
    with pytest.raises(OSError, match="no address"):
        await PinnedResolver("global", plain=False, lookup=Names([])).resolve("nobody.example", 443)


async def test_the_system_is_asked_again_once_an_answer_is_ten_seconds_old(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock(0.0)
    lookup = SystemLookup(clock)
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))] * 2

    # The loop is the standard library's: there is no argument to pass another resolver of the system in by.
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    first = [await lookup("127.0.0.1", 80), await lookup("127.0.0.1", 80)]
    clock.now = LOOKUP_KEPT_S
    await lookup("127.0.0.1", 80)

    assert first == [("127.0.0.1",)] * 2
    assert len(asked) == 2
