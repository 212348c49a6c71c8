"""`token`: access tokens of the HTTP API: issue, renew, revoke, list, rotate-keys."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Final

from provider_console.cli.command import Actions, Command, console_for
from provider_console.cli.exits import DONE, FAILED
from provider_console.cli.output import Output
from provider_console.cli.question import hidden, is_anybody_there
from provider_console.console.access import Role
from provider_console.console.errors import BadRequest
from provider_console.console.views import IssuedToken, TokenView
from provider_console.sdk.secret import Secret

_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def _arguments(parser: argparse.ArgumentParser) -> None:
    action = Actions(parser, required=True)
    # Its `--role` is the token's; the one that lowers one's own stands in front of the action.
    issue = action("issue", "--role admin --ttl 8h", help="a new token, on standard output", role=False)
    issue.add_argument(
        "--role", dest="token_role", required=True, choices=[role.value for role in Role], help="what it may do"
    )
    issue.add_argument("--for", dest="subject", metavar="NAME", help="for whom (your own user name)")
    issue.add_argument(
        "--ttl", metavar="SPAN", default="15m", help="how long it counts, such as 15m, 8h, for metrics 90d (15m)"
    )
    action("renew", "< token.txt", help="a token like the one on standard input, with its whole time again")
    revoke = action("revoke", "01M89EQV5DVVAJHRY4S909EK70", help="end a token, and every one renewed from it")
    revoke.add_argument("id", help="its id, as token list shows it")
    action("list", help="tokens that were issued; never the tokens themselves")
    action("rotate-keys", help="sign with a new key; tokens of the key before count until they end")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    async with console_for(arguments, output, local=True) as console:
        match arguments.action:
            case "issue":
                subject = arguments.subject or (await console.whoami()).actor
                issued = await console.issue_token(
                    subject, role=arguments.token_role, ttl_ms=milliseconds(arguments.ttl)
                )
                _show(issued, output)
            case "renew":
                _show(await console.renew_token(await _given()), output)
            case "revoke":
                ended = await console.revoke_token(arguments.id)
                if output.json:
                    output.data({"revoked": ended})
                else:
                    output.line(f"{arguments.id} no longer counts" if ended else f"no token {arguments.id} counts")
                return DONE if ended else FAILED
            case "list":
                tokens = await console.tokens()
                if output.json:
                    output.data(tokens)
                elif not tokens:
                    output.say("no token was issued; provider-console token issue --role admin issues one")
                else:
                    output.table(
                        ("ID", "FOR", "ROLE", "ISSUED", "UNTIL", "COUNTS"),
                        [(t.id, t.subject, t.role, t.issued_at, t.expires_at, _counts(t)) for t in tokens],
                    )
            case "rotate-keys":
                ended_count = await console.rotate_token_keys()
                if output.json:
                    output.data({"ended": ended_count})
                else:
                    output.line(f"a new key signs; {ended_count} tokens of older keys ended")
    return DONE


def _show(issued: IssuedToken, output: Output) -> None:
    if output.json:
        output.data(issued)
        return
    output.line(issued.token)
    output.progress(f"{issued.role} for {issued.subject}, until {issued.expires_at}; its id is {issued.id}")


def _counts(token: TokenView) -> str:
    return "yes" if token.valid else "no, revoked" if token.revoked_at else "no, ended"


async def _given() -> Secret:
    """A token from standard input, or from a hidden prompt."""
    if is_anybody_there():
        return Secret((await hidden("token: ")).strip())
    return Secret(sys.stdin.read(8_192).strip())


def milliseconds(text: str) -> int:
    """A span such as `15m` in milliseconds.

    >>> milliseconds("15m"), milliseconds("90d")
    (900000, 7776000000)

    Raises:
        BadRequest: it is none.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)
    if found is None:
        raise BadRequest(f"--ttl is a number with s, m, h or d, such as 15m, not {text!r}", field="ttl")
    return int(found[1]) * _UNITS_MS[found[2]]


COMMAND = Command(_arguments, _run, "provider-console token issue --role admin")
