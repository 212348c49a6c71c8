"""Access tokens: issued, renewed, ended, rotated; and every one that is not exactly ours is refused in one way."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.api.far import certificate, running, token_of
from tests.api.served import KEY, served, situation, tokens_of

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.jwt_tokens import JwtTokens
from provider_console.adapters.private_file import read_private
from provider_console.adapters.sqlite.usage import SqliteUsage
from provider_console.adapters.token_keys import FileTokenKeys, parsed
from provider_console.bootstrap import Situation, open_front_end, open_remote, open_service
from provider_console.console.access import Role
from provider_console.console.errors import BadRequest, SecretRefused, Unauthenticated
from provider_console.core.ports.secrets import SecretsUnavailable
from provider_console.core.ports.tokens import TokenInvalid, TokenRow
from provider_console.remote.address import address_of
from provider_console.remote.tokens import VARIABLE, Tokens
from provider_console.sandbox import Sandbox
from provider_console.sdk.secret import Secret

MUTATIONS: Final = 200
SECRET: Final = bytes.fromhex(KEY)


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _read(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _forged(payload: dict[str, Any], header: dict[str, Any], key: Any = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers={**header, "alg": algorithm})


def mutations(token: str) -> Iterator[str]:
    """What a forger would try, then letters changed at random, 200 in all; none of them is the token."""
    head, body, signature = token.split(".")
    header, payload = _read(head), _read(body)
    now = int(time.time())
    for claim in payload:
        yield _forged({name: value for name, value in payload.items() if name != claim}, header)
    for claim, values in {
        "exp": [now - 3600, "tomorrow", None, 1e400, -1, True],
        "nbf": [now + 3600, None, "x"],
        "iat": [now + 3600, None],
        "iss": ["somebody", "", None, ["provider-console"]],
        "aud": ["somebody", [], ["provider-console", "x"], None],
        "typ": ["refresh", None, ""],
        "sub": ["root", "", None, 7],
        "jti": ["0" * 26, "", None, "../../x"],
    }.items():
        for value in values:
            try:
                yield _forged({**payload, claim: value}, header)
            except (TypeError, ValueError):
                # PyJWT will not even make it; by hand, with a signature that was right for another one.
                yield f"{head}.{_part({**payload, claim: str(value)})}.{signature}"
    yield _forged({**payload, "role": "super_admin"}, header)
    yield f"{_part({**header, 'alg': 'none'})}.{body}."
    yield f"{_part({**header, 'alg': 'None'})}.{body}.{signature}"
    for other in ("HS384", "HS512"):
        yield _forged(payload, header, SECRET * 2, other)
    yield _forged(payload, header, rsa.generate_private_key(65_537, 2048), "RS256")
    for key in (b"abc" * 11, SECRET[:-1] + b"x", KEY.encode()):
        yield _forged(payload, header, key)
    for changed in ({"kid": "other"}, {"kid": ""}, {"typ": "at+jwt"}, {"crit": ["exp"]}, {"jku": "http://127.0.0.1/"}):
        yield _forged(payload, {**header, **changed})
    yield f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{body}.{signature}"
    # The last letter of a signature has two bits that mean nothing; each of its kin decodes to the same bytes.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = letters.index(signature[-1])
    yield from (f"{head}.{body}.{signature[:-1]}{letters[at ^ bits]}" for bits in (1, 2, 3))
    yield from (f"{token}=", f"{token}.", f".{token}", token[:-1], token.upper(), f"{head}..{signature}", "x", "a.b.c")
    yield from (f"{head}.{body}", token.replace(".", " "), f"{token}{token}", "A" * 8_000, token[::-1])
    rng = random.Random(4711)
    while True:
        place = rng.randrange(len(token))
        yield token[:place] + rng.choice(letters.replace(token[place], "")) + token[place + 1 :]


@pytest.mark.limit(60)
async def test_two_hundred_mutated_tokens_are_refused_with_one_body(tmp_path: Path) -> None:
    bodies, tried = set(), 0
    async with served(tmp_path) as it:
        token = it.tokens[Role.SUPER_ADMIN]
        assert (await it.get("/whoami")).status_code == 200
        for mutated in mutations(token):
            assert mutated != token
            answer = await it.get("/whoami", role=None, headers={"Authorization": f"Bearer {mutated}"})
            assert answer.status_code == 401, mutated
            assert answer.headers["www-authenticate"] == "Bearer"
            bodies.add(json.dumps({**answer.json(), "requestId": ""}))
            tried += 1
            if tried == MUTATIONS:
                break
        for headers in ({}, {"Authorization": token}, {"Authorization": f"Basic {token}"}, {"Authorization": "Bearer"}):
            answer = await it.get("/whoami", role=None, headers=headers)
            bodies.add(json.dumps({**answer.json(), "requestId": ""}))
        refused = [row for row in await it.audited() if row["action"] == "authenticate" and row["result"] == "refused"]

    assert len(bodies) == 1
    assert 1 <= len(refused) <= 60, "each of them leaves a row, a flood of them leaves no flood"


async def test_a_revoked_token_and_all_renewed_from_it_end_within_a_second(tmp_path: Path) -> None:
    clock = SystemClock()
    async with served(tmp_path) as it:
        renewed = (await it.post("/tokens/renew", role=Role.ADMIN)).json()
        second = {"Authorization": f"Bearer {renewed['token']}"}
        assert (await it.get("/whoami", role=None, headers=second)).json()["actor"] == "some-admin"
        listed = {row["id"]: row for row in (await it.get("/tokens")).json()}
        first = listed[renewed["id"]]["renewedFrom"]

        assert (await it.send("DELETE", f"/tokens/{first}")).json() == {"revoked": True}
        until = clock.monotonic() + 2.0
        while clock.monotonic() < until and (await it.get("/whoami", role=None, headers=second)).status_code == 200:
            await clock.sleep(0.05)

        assert (await it.get("/whoami", role=None, headers=second)).status_code == 401
        assert (await it.get("/whoami", role=Role.ADMIN)).status_code == 401
        assert (await it.send("DELETE", f"/tokens/{first}")).json() == {"revoked": False}


async def test_keys_are_rotated_with_one_overlap(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        assert (await it.post("/tokens/rotate")).json() == {"ended": 0}
        assert (await it.get("/whoami")).status_code == 200, "the key before still counts"
        fresh = (await it.post("/tokens", {"subject": "zoe", "role": "super_admin"})).json()["token"]
        new = {"Authorization": f"Bearer {fresh}"}
        assert (await it.post("/tokens/rotate", role=None, headers=new)).json() == {"ended": len(Role)}

        assert (await it.get("/whoami")).status_code == 401, "two rotations later it does not"
        assert (await it.get("/whoami", role=None, headers=new)).status_code == 200


async def test_the_role_is_that_of_the_table_and_not_of_the_token(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        who = (await it.get("/whoami", role=Role.ADMIN)).json()

        assert (who["actor"], who["role"], who["frontEnd"]) == ("some-admin", "admin", "api")
        assert "role" not in _read(it.tokens[Role.ADMIN].split(".")[1])


async def test_tokens_that_come_at_once_while_the_keys_are_being_read_all_count(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        answers = await asyncio.gather(*(it.get("/whoami", role=role) for role in (*Role, *Role)))

        assert [answer.status_code for answer in answers] == [200] * 6


async def test_no_token_is_ever_in_a_database_or_in_the_log(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        await it.execute()
        await it.post("/tokens/renew", role=Role.ADMIN)
        await it.get("/whoami", role=None, headers={"Authorization": f"Bearer {it.tokens[Role.ADMIN]}x"})
        signatures = [token.split(".")[2] for token in it.tokens.values()]

    for file in [one for one in it.home.rglob("*") if one.is_file() and one.name != "token.key"]:
        content = file.read_bytes()
        assert not any(signature.encode() in content for signature in signatures), file
        assert KEY.encode() not in content, file


@pytest.mark.parametrize(
    ("subject", "role", "ttl_ms", "field"),
    [
        ("", "admin", 900_000, "subject"),
        ("-zoe", "admin", 900_000, "subject"),
        ("zoe\n", "admin", 900_000, "subject"),
        ("zoe", "root", 900_000, "role"),
        ("zoe", "admin", 999, "ttl_ms"),
        ("zoe", "admin", 86_400_001, "ttl_ms"),
        ("zoe", "metrics", 367 * 86_400_000, "ttl_ms"),
    ],
)
async def test_a_token_out_of_bounds_is_not_issued(
    tmp_path: Path, subject: str, role: str, ttl_ms: int, field: str
) -> None:
    async with Sandbox() as sandbox:
        place = situation(tmp_path / "home", sandbox)
        async with open_front_end("cli", place, background=False) as console:
            with pytest.raises(BadRequest) as caught:
                await console.issue_token(subject, role=role, ttl_ms=ttl_ms)

            assert caught.value.field == field
            assert await console.tokens() == []


async def test_without_a_keyring_and_a_key_file_it_says_what_to_do(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        place = situation(tmp_path / "home", sandbox, api={"key_file": ""})
        async with open_front_end("cli", place, background=False) as console:
            with pytest.raises(SecretRefused, match="openssl rand -hex 32"):
                await console.issue_token("zoe", role="admin")


async def test_a_renewal_needs_a_token_that_counts(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        place = situation(tmp_path / "home", sandbox)
        token = (await tokens_of(place))[Role.ADMIN]
        async with open_front_end("cli", place, background=False) as console:
            issued = await console.renew_token(Secret(token))
            assert issued.token != token
            assert issued.token not in repr(issued)
            with pytest.raises(Unauthenticated):
                await console.renew_token(Secret(token[:-2]))


async def test_a_token_that_is_revoked_in_its_seconds_of_leeway_is_not_renewed(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        place = situation(tmp_path / "home", sandbox)
        token = (await tokens_of(place, ttl_ms=1_000))[Role.ADMIN]
        ends = _read(token.split(".")[1])["exp"]
        async with open_front_end("cli", place, background=False) as console:
            while SystemClock().wall() <= ends + 0.1:
                await SystemClock().sleep(0.05)
            assert (await console.renew_token(Secret(token))).token, "two clocks may differ"

            assert await console.revoke_token(_read(token.split(".")[1])["jti"])

            with pytest.raises(Unauthenticated):
                await console.renew_token(Secret(token))


async def test_a_renewal_that_a_revocation_overtakes_is_refused(tmp_path: Path) -> None:
    usage = SqliteUsage(tmp_path / "console.db", clock=SystemClock())
    try:
        first = TokenRow(
            id="T1", family="T1", subject="zoe", role="admin", key="k", begun_at=1.0, issued_at=1.0, expires_at=900.0
        )
        renewed = msgspec.structs.replace(first, id="T2")
        assert await usage.tokens.add(first)
        assert await usage.tokens.revoke("T1", 2.0) == 1

        assert not await usage.tokens.add(renewed)
        assert [row.id for row in await usage.tokens.rows()] == ["T1"]
        assert await usage.tokens.add(msgspec.structs.replace(first, id="T3", family="T3")), "other lines go on"
    finally:
        await usage.close()


async def test_what_a_token_is_renewed_to_is_taken_out_of_whatever_is_logged_too(tmp_path: Path) -> None:
    files, clock = certificate(tmp_path), SystemClock()
    async with (
        Sandbox() as sandbox,
        open_service(situation(tmp_path / "engine", sandbox), grace_s=0.0) as service,
        running(service, files=files, grace_s=0.0) as url,
    ):
        # Its end is cut to a whole second, and it is renewed a second from now at the earliest.
        first = Secret(await token_of(service, ttl_ms=4_000))
        tokens = Tokens(address_of(url), environ={VARIABLE: first.reveal()})
        home = Situation(home=tmp_path / "elsewhere")
        async with open_remote(address_of(url), tokens, situation=home, ca_file=files.authority):
            while (held := await tokens.find()) is None or held == first:
                await clock.sleep(0.05)

            assert home.redactor.redact(f"Bearer {held.reveal()}") == "Bearer ***"


# --- keys and times --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "abc", "00" * 31, "0" * 65, "zz" * 32, "00" * 3000])
def test_a_key_that_is_too_short_or_none_is_an_error(text: str) -> None:
    with pytest.raises(SecretsUnavailable, match="64 hexadecimal digits"):
        parsed(text, place="a file")


async def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token.key"
    file.write_text(KEY)
    file.chmod(0o640)

    with pytest.raises(SecretsUnavailable, match="chmod 600"):
        await FileTokenKeys(file).read()


async def test_a_link_is_no_key_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(KEY)
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "real")

    with pytest.raises(SecretsUnavailable):
        await FileTokenKeys(tmp_path / "link").read()


def test_a_pipe_in_the_place_of_a_key_file_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token.key", 0o600)

    with pytest.raises(SecretsUnavailable, match="regular file"):
        read_private(tmp_path / "token.key", what="keys", most=10, remedy="make one")


class _Clock(SystemClock):
    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def wall(self) -> float:  # type: ignore[override]
        return self.at


@pytest.mark.parametrize(("after_s", "counts"), [(-31, False), (-29, True), (0, True), (929, True), (931, False)])
async def test_two_clocks_may_differ_by_thirty_seconds_and_no_more(
    tmp_path: Path, after_s: float, counts: bool
) -> None:
    file = tmp_path / "token.key"
    file.touch(mode=0o600)
    file.write_text(KEY)
    clock = _Clock()
    signer = JwtTokens(FileTokenKeys(file), clock=clock)
    row = TokenRow(
        id="T1",
        family="T1",
        subject="zoe",
        role="admin",
        key=await signer.key(),
        begun_at=clock.at,
        issued_at=clock.at,
        expires_at=clock.at + 900.0,
    )
    token = (await signer.sign(row)).reveal()
    clock.at += after_s

    if counts:
        assert (await signer.verify(token)).subject == "zoe"
    else:
        with pytest.raises(TokenInvalid):
            await signer.verify(token)
