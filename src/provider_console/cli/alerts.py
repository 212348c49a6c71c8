"""`alerts`: what rings and what rang; `alerts ack`, `alerts snooze`, `alerts rules`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from provider_console.cli.command import Actions, Command, console_for, span
from provider_console.cli.exits import DONE
from provider_console.cli.output import Output
from provider_console.console.views import AlertRuleView, AlertView


def _arguments(parser: argparse.ArgumentParser) -> None:
    action = Actions(parser)
    shown = action("list", "--open", help="what is open, and what has cleared")
    shown.add_argument("--open", action="store_true", help="only what is open")
    shown.add_argument("--limit", type=int, default=50, help="at most so many (50)")
    action("rules", help="what is watched")
    action("ack", "01M89EQV5DVVAJHRY4S909EK70", help="say that you look after one").add_argument("id", metavar="ID")
    snooze = action("snooze", "01M89EQV5DVVAJHRY4S909EK70 --for 2h", help="keep one quiet for a while")
    snooze.add_argument("id", metavar="ID")
    snooze.add_argument("--for", dest="span", metavar="SPAN", required=True, help="like 30m, 2h or 1d")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    async with console_for(arguments, output) as console:
        match arguments.action:
            case "ack":
                _one(await console.acknowledge_alert(arguments.id), output)
            case "snooze":
                _one(await console.snooze_alert(arguments.id, for_s=span(arguments.span, option="--for")), output)
            case "rules":
                _rules(await console.alert_rules(), output)
            case _:
                only_open = getattr(arguments, "open", False)
                _list(await console.alerts(only_open=only_open, limit=getattr(arguments, "limit", 50)), output)
    return DONE


def _list(alerts: Sequence[AlertView], output: Output) -> None:
    if output.json:
        output.data(alerts)
        return
    if not alerts:
        output.say("no alert is on record; a console that keeps running watches, alerts rules says what")
        return
    output.table(
        ("ID", "STATE", "FIRED", "CLEARED", "WHAT", "WHAT TO TRY"),
        [(a.id, _state(a), a.fired_at, a.cleared_at, a.title, _first(a)) for a in alerts],
    )


def _state(alert: AlertView) -> str:
    if alert.state == "acknowledged":
        return f"acknowledged by {alert.acknowledged_by}"
    return f"snoozed until {alert.snoozed_until}" if alert.state == "snoozed" else alert.state


def _first(alert: AlertView) -> str:
    if alert.state == "cleared":
        return ""
    return f"{alert.first_try} {alert.command}" if alert.command else alert.first_try


def _rules(rules: Sequence[AlertRuleView], output: Output) -> None:
    if output.json:
        output.data(rules)
        return
    output.table(
        ("RULE", "WHEN", "FROM", "WATCHED"),
        [(r.name, r.when, "shipped" if r.shipped else "config.toml", "yes" if r.watched else "no") for r in rules],
    )


def _one(alert: AlertView, output: Output) -> None:
    output.data(alert) if output.json else output.line(f"{alert.title}: {_state(alert)}")


COMMAND = Command(_arguments, _run, "provider-console alerts snooze ID --for 2h")
