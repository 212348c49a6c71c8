"""Which method of the console an action needs, and which modes there are.

What a key does is said once, in the `BINDINGS` of the screen it works on: the last row, the help and the palette are
made from those. The help and the palette take the `tooltip`; a key without one is Textual's own, and they pass it over.
"""

from __future__ import annotations

from typing import Final

TITLES: Final = (
    ("health", "Health"),
    ("execution", "Execution"),
    ("analytics", "Analytics"),
    ("config", "Config"),
    ("activity", "Activity"),
    ("plugins", "Plugins"),
)
"""The modes in the order of their digits: name and title."""

NEEDS: Final = {
    "check": "check",
    "check_all": "check",
    "switch": "set_provider_enabled",
    "set_credential": "set_secret",
    "test_credential": "test_secret",
    "run": "execute",
    "run_again": "execute",
    "dry_run": "explain",
    "explain": "explain",
    "cancel": "cancel",
    "add_credential": "set_secret",
    "adopt": "adopt_provider",
    "acknowledge": "acknowledge_alert",
    "snooze": "snooze_alert",
    "verify": "verify_audit",
    "switch_plugin": "set_plugin_enabled",
    "doctor": "doctor",
    "examine": "doctor",
    "edit": "set_config",
    "edit_file": "replace_config",
    "accept": "set_config",
    "edit_table": "set_config",
    "new_table": "set_config",
    "remove_table": "set_config",
    "unset": "set_config",
    "review": "replace_config",
    "save": "replace_config",
    "save_on_trial": "replace_config",
    "keep_change": "confirm_config",
    "restore": "restore_config",
    "delete_credential": "delete_secret",
}
"""The console's method behind an action; what is not listed needs none."""
