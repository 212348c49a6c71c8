"""The steps of the console's own screens: what an operator does, by the keys that the screens have."""

from __future__ import annotations

from provider_console.testing.workflow import Stage, Step, enter, press, see, together
from provider_console.tui.changes import Change
from provider_console.tui.keymap import TITLES
from provider_console.tui.widgets.table import Table


def open_mode(mode: str) -> Step:
    """Go to a mode by its digit."""
    digit = [name for name, _title in TITLES].index(mode) + 1
    return together(f"open {mode}", press(str(digit)))


def tell(*changes: Change) -> Step:
    """Let the state hear of changes, as if the console had told of them."""

    async def told(stage: Stage) -> None:
        for change in changes:
            stage.app.change(change)  # type: ignore[attr-defined]  # only the console's own app has these screens
        await stage.pilot.pause()

    return Step(f"tell of {len(changes)} changes", told)


def select(key: str) -> Step:
    """Put the cursor of the table on a row, by the arrow keys."""

    async def selected(stage: Stage) -> None:
        def table() -> Table:
            return stage.app.screen.query_one(Table)

        assert await stage.until(lambda: key in table().keys), f"no row {key!r}, only {', '.join(table().keys)}"
        for _ in range(len(table().keys)):
            keys, cursor = table().keys, table().cursor
            if cursor == key:
                return
            below = cursor not in keys or keys.index(cursor) < keys.index(key)
            await stage.press("down" if below else "up")
        assert table().cursor == key, f"the cursor is on {table().cursor!r}"

    return Step(f"select {key}", selected)


def filter_by(text: str) -> Step:
    """Show only what matches."""
    return together(f"filter by {text!r}", press("slash"), enter(text))


def show_all() -> Step:
    """Clear the filter."""
    return together("clear the filter", press("escape"))


def check(key: str) -> Step:
    """Check one provider now."""
    return together(f"check {key}", select(key), press("c"))


def check_all() -> Step:
    """Check every provider now."""
    return together("check all", press("C"))


def disable(key: str, *, confirm: bool = True) -> Step:
    """Switch a provider off, and say yes to the question that comes."""
    answer = [press("y")] if confirm else []
    return together(f"disable {key}", select(key), press("d"), see("Disable"), *answer)


def enable(key: str) -> Step:
    """Switch a provider on again."""
    return together(f"enable {key}", select(key), press("d"))


def coverage() -> Step:
    """See who could serve what."""
    return together("open the coverage", press("v"))


def help_() -> Step:
    """See the keys of this screen."""
    return together("open the help", press("question_mark"), see("Keys"))


def back() -> Step:
    """Leave what was opened."""
    return together("back", press("escape"))
