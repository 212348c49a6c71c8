"""What differs between two configurations: setting by setting, and line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from provider_console.console.views import SettingChange
from provider_console.core.ports.settings import SettingValue


def changes(before: Iterable[SettingValue], after: Iterable[SettingValue]) -> list[SettingChange]:
    """Every setting that is other, was not there, or is gone; None stands for a setting that is not there."""
    old, new = ({one.key: one.value for one in values} for values in (before, after))
    return [
        SettingChange(key=key, before=old.get(key), after=new.get(key))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def diff_of(before: str, after: str, *, file: str) -> list[str]:
    """The lines that differ, as `diff -u` shows them."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), f"{file} (now)", f"{file} (new)", lineterm="")
    return list(lines)
