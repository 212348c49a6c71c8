"""A platform's own tokens: by its issuer, its audience and the keys that it publishes, and by nothing less."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.api.served import Served, served

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.jwks_tokens import JwksTokens
from provider_console.core.ports.tokens import TokenInvalid
from provider_console.core.settings import ApiSettings
from provider_console.sdk.errors import TransportError
from provider_console.sdk.http import HttpResponse

ISSUER: Final = "https://login.example"
AUDIENCE: Final = "provider-console"


class Publisher:
    """A server of keys: an RSA key, an elliptic one, and a symmetric one that it should never have published."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(65_537, 2048)
        self.elliptic = ec.generate_private_key(ec.SECP256R1())
        self.symmetric = "s" * 48
        published = [
            {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.rsa.public_key())), "kid": "rsa", "alg": "RS256"},
            {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.elliptic.public_key())), "kid": "ec", "alg": "ES256"},
            {**json.loads(jwt.algorithms.HMACAlgorithm.to_jwk(self.symmetric)), "kid": "oct", "alg": "HS256"},
            {"kty": "unheard of", "kid": "odd"},
        ]
        answer = json.dumps({"keys": published}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"

    def pem(self) -> bytes:
        """The public RSA key as text: what a forger would sign with where the algorithm is believed."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.rsa.public_key().public_bytes(serialization.Encoding.PEM, form)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    one = Publisher()
    thread = threading.Thread(target=one.server.serve_forever, daemon=True)
    thread.start()
    yield one
    one.server.shutdown()
    one.server.server_close()
    thread.join()


def _settings(publisher: Publisher) -> dict[str, Any]:
    return {
        "trusted_issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks_url": publisher.url,
        "jwks_network": "loopback",
        "trusted_admins": ["alice@example"],
        "trusted_super_admins": ["root@example"],
    }


def _token(key: Any, kid: str, algorithm: str, **changed: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice@example", "iat": now, "exp": now + 300, **changed}
    known = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(known, key, algorithm=algorithm, headers={"kid": kid})


async def _who(it: Served, token: str) -> Any:
    return await it.get("/whoami", role=None, headers={"Authorization": f"Bearer {token}"})


async def test_tokens_of_the_platform_come_in_as_what_the_settings_say(tmp_path: Path, publisher: Publisher) -> None:
    async with served(tmp_path, api=_settings(publisher)) as it:
        admin = await _who(it, _token(publisher.rsa, "rsa", "RS256"))
        boss = await _who(it, _token(publisher.elliptic, "ec", "ES256", sub="root@example", role="admin"))
        own = await it.get("/whoami")

        assert (admin.json()["actor"], admin.json()["role"]) == ("alice@example", "admin")
        assert (boss.json()["actor"], boss.json()["role"]) == ("root@example", "super_admin")
        assert own.status_code == 200, "the console's own tokens count beside them"


async def test_nothing_less_comes_in(tmp_path: Path, publisher: Publisher) -> None:
    now = int(time.time())
    hour = {"iat": now - 7_200, "exp": now - 3_600}
    wrong = [
        _token(publisher.rsa, "rsa", "RS256", sub="mallory@example"),
        _token(publisher.rsa, "rsa", "RS256", aud="somebody-else"),
        _token(publisher.rsa, "rsa", "RS256", iss="https://other.example"),
        _token(publisher.rsa, "rsa", "RS256", **hour),
        _token(publisher.rsa, "rsa", "RS256", nbf=now + 3_600),
        *(_token(publisher.rsa, "rsa", "RS256", **{claim: None}) for claim in ("exp", "iat", "sub", "aud", "iss")),
        _token(publisher.rsa, "unknown", "RS256"),
        _token(publisher.elliptic, "rsa", "ES256"),
        _token(rsa.generate_private_key(65_537, 2048), "rsa", "RS256"),
        _token(publisher.symmetric, "oct", "HS256"),
        _token(publisher.symmetric, "rsa", "HS256"),
        jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": "root@example", "exp": now + 60}, None, algorithm="none"),
    ]
    async with served(tmp_path, api=_settings(publisher)) as it:
        assert (await _who(it, _token(publisher.rsa, "rsa", "RS256"))).status_code == 200
        for token in wrong:
            assert (await _who(it, token)).status_code == 401, jwt.decode(token, options={"verify_signature": False})


async def test_a_key_to_encrypt_with_signs_nothing(publisher: Publisher) -> None:
    clock, http = _Clock(), _Keys(publisher, use="enc")
    tokens = JwksTokens(lambda: ApiSettings(**_settings(publisher)), http=http, clock=clock)

    with pytest.raises(TokenInvalid):
        await tokens.verify(_token(publisher.rsa, "rsa", "RS256"))


@pytest.mark.parametrize("status", [404, 503, None])
async def test_a_publisher_that_fails_for_a_while_locks_nobody_out_and_withdrawn_keys_do_not_count_for_ever(
    publisher: Publisher, status: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    clock, http = _Clock(), _Keys(publisher)
    tokens = JwksTokens(lambda: ApiSettings(**_settings(publisher)), http=http, clock=clock)
    good, unknown = _token(publisher.rsa, "rsa", "RS256", exp=2**33), _token(publisher.rsa, "other", "RS256", exp=2**33)
    assert (await tokens.verify(good)).subject == "alice@example"

    http.status = status
    for _ in range(10):
        clock.at += 350.0
        assert (await tokens.verify(good)).subject == "alice@example"
        with pytest.raises(TokenInvalid):
            await tokens.verify(unknown)
    clock.at += 350.0
    with pytest.raises(TokenInvalid):
        await tokens.verify(good)
    assert http.asked <= 2 + 2 * 11, "not at every token"
    assert "the keys of api.trusted_issuer cannot be read" in caplog.text

    http.status, clock.at = 200, clock.at + 31.0
    assert (await tokens.verify(good)).subject == "alice@example"


class _Clock(SystemClock):
    at = 1_000.0

    def monotonic(self) -> float:
        return self.at


class _Keys:
    """Clients that answer with the publisher's RSA key, with a status, or not at all."""

    def __init__(self, publisher: Publisher, **more: str) -> None:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(publisher.rsa.public_key()))
        self.body = json.dumps({"keys": [{**key, "kid": "rsa", "alg": "RS256", **more}]}).encode()
        self.status: int | None = 200
        self.asked = 0

    def client(self, **_: Any) -> Any:
        return self

    async def request(self, *_: Any, **__: Any) -> HttpResponse:
        self.asked += 1
        if self.status is None:
            raise TransportError("nobody is there", kind="refused", never_left=True)
        return HttpResponse(status=self.status, headers={}, body=self.body if self.status == 200 else b"{}")


async def test_without_the_setting_the_platform_is_nobody(tmp_path: Path, publisher: Publisher) -> None:
    async with served(tmp_path) as it:
        assert (await _who(it, _token(publisher.rsa, "rsa", "RS256"))).status_code == 401


async def test_a_publisher_that_is_gone_lets_nobody_in_and_breaks_nothing(tmp_path: Path, publisher: Publisher) -> None:
    settings = {**_settings(publisher), "jwks_url": "http://127.0.0.1:9/jwks.json"}
    async with served(tmp_path, api=settings) as it:
        assert (await _who(it, _token(publisher.rsa, "rsa", "RS256"))).status_code == 401
        assert (await it.get("/whoami")).status_code == 200
