"""Every route of the HTTP API: the one table from which routing, OpenAPI, the documentation, the matrix of roles and
a remote console are made.

A row names a path and the action of the console that it stands for. Its arguments and its answer are those of the
method (see `console.wire`): parts of the path, then the query of a GET or DELETE, or the body of anything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from provider_console.console.access import ACTIONS

PREFIX: Final = "/api/provider-integration"
CATALOGUE: Final = "/api/dynamic-ai/providers"

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

Special = Literal[
    "execute", "operation", "repeat", "events", "config", "config_text", "replace_config", "renew", "catalogue"
]


class Route(NamedTuple):
    """One row.

    `named`: the answer is one plain value, and this is its name in the JSON object. `without`: arguments that this
    row leaves at their defaults. `special`: it is not served like the others, by the name of what serves it.
    """

    method: Method
    path: str
    action: str
    named: str | None = None
    without: tuple[str, ...] = ()
    special: Special | None = None
    status: int = 200


ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", f"{PREFIX}/execute", "execute", special="execute"),
    Route("GET", f"{PREFIX}/providers", "providers"),
    Route("GET", f"{PREFIX}/providers/{{provider_id}}", "provider"),
    Route("PATCH", f"{PREFIX}/providers/{{provider_id}}", "set_provider_enabled"),
    Route("POST", f"{PREFIX}/providers/{{provider_id}}/adopt", "adopt_provider"),
    Route("GET", f"{PREFIX}/health", "health"),
    Route("POST", f"{PREFIX}/health/check", "check"),
    Route("GET", f"{PREFIX}/health/checks", "recent_checks"),
    Route("GET", f"{PREFIX}/health/trends", "trends"),
    Route("GET", f"{PREFIX}/analytics", "analytics", without=("provider_id",)),
    Route("GET", f"{PREFIX}/analytics/{{provider_id}}", "analytics"),
    Route("GET", f"{PREFIX}/history", "history"),
    Route("GET", f"{PREFIX}/outages", "outages"),
    Route("GET", f"{PREFIX}/alerts", "alerts"),
    Route("GET", f"{PREFIX}/alerts/rules", "alert_rules"),
    Route("POST", f"{PREFIX}/alerts/{{alert_id}}/ack", "acknowledge_alert"),
    Route("POST", f"{PREFIX}/alerts/{{alert_id}}/snooze", "snooze_alert"),
    Route("GET", f"{PREFIX}/config", "config", special="config"),
    Route("PUT", f"{PREFIX}/config", "replace_config", special="replace_config"),
    Route("PATCH", f"{PREFIX}/config", "set_config"),
    Route("GET", f"{PREFIX}/config/text", "config_text", special="config_text"),
    Route("GET", f"{PREFIX}/config/history", "config_history"),
    Route("GET", f"{PREFIX}/config/history/{{revision_id}}", "revision_text", named="text"),
    Route("POST", f"{PREFIX}/config/validate", "validate_config"),
    Route("POST", f"{PREFIX}/config/edited", "edited_config", named="text"),
    Route("POST", f"{PREFIX}/config/impact", "config_impact"),
    Route("POST", f"{PREFIX}/config/confirm", "confirm_config"),
    Route("POST", f"{PREFIX}/config/restore", "restore_config"),
    Route("DELETE", f"{PREFIX}/cache", "clear_cache", named="providers"),
    Route("GET", f"{PREFIX}/events", "events", special="events"),
    Route("GET", f"{PREFIX}/kinds", "kinds"),
    Route("POST", f"{PREFIX}/operations", "operation", special="operation"),
    Route("GET", f"{PREFIX}/executions", "executions"),
    Route("GET", f"{PREFIX}/executions/{{execution_id}}", "execution"),
    Route("DELETE", f"{PREFIX}/executions/{{execution_id}}", "cancel", named="cancelled"),
    Route("GET", f"{PREFIX}/executions/{{execution_id}}/operation", "repeat", special="repeat"),
    Route("GET", f"{PREFIX}/figures", "figures"),
    Route("GET", f"{PREFIX}/coverage", "coverage"),
    Route("GET", f"{PREFIX}/doctor", "doctor"),
    Route("GET", f"{PREFIX}/notices", "notices"),
    Route("GET", f"{PREFIX}/survey", "survey"),
    Route("GET", f"{PREFIX}/plugins", "plugins"),
    Route("PATCH", f"{PREFIX}/plugins/{{name}}", "set_plugin_enabled"),
    Route("GET", f"{PREFIX}/audit", "audit"),
    Route("GET", f"{PREFIX}/audit/verify", "verify_audit"),
    Route("GET", f"{PREFIX}/log", "log"),
    Route("GET", f"{PREFIX}/whoami", "whoami"),
    Route("GET", f"{PREFIX}/vitals", "vitals"),
    Route("GET", f"{PREFIX}/secrets", "secrets"),
    Route("GET", f"{PREFIX}/secrets/backend", "secret_backend"),
    Route("PUT", f"{PREFIX}/secrets/{{name}}", "set_secret"),
    Route("DELETE", f"{PREFIX}/secrets/{{name}}", "delete_secret", named="deleted"),
    Route("POST", f"{PREFIX}/secrets/{{name}}/test", "test_secret"),
    Route("GET", f"{PREFIX}/tokens", "tokens"),
    Route("POST", f"{PREFIX}/tokens", "issue_token", status=201),
    Route("POST", f"{PREFIX}/tokens/renew", "renew_token", special="renew", status=201),
    Route("POST", f"{PREFIX}/tokens/rotate", "rotate_token_keys", named="ended"),
    Route("DELETE", f"{PREFIX}/tokens/{{token_id}}", "revoke_token", named="revoked"),
    Route("GET", CATALOGUE, "providers", special="catalogue"),
)

SERVED_WITHIN: Final = {"execute_stream": "execute", "explain": "execute"}
"""Actions without a row of their own, and the one whose route serves them: `stream` and `dryRun` of its body."""


def faults(routes: Iterable[Route]) -> list[str]:
    """What is wrong with a table: a row without an action, an action without a row, a path that is there twice."""
    rows = list(routes)
    found = [
        f"{row.method} {row.path} has no row in ACTIONS: {row.action}" for row in rows if row.action not in ACTIONS
    ]
    served = {row.action for row in rows} | set(SERVED_WITHIN)
    found += [f"the action {action} has no route" for action in ACTIONS if action not in served]
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if (row.method, row.path) in seen:
            found.append(f"{row.method} {row.path} is there twice")
        seen.add((row.method, row.path))
    return found
