"""Workflows: what somebody does at the terminal and what stands there then, as a list of steps.

FIND = Workflow(
    "a provider is found by its name",
    [press("slash"), enter("deepl"), see("DeepL"), expect("the filter has the focus", filtering), snapshot("found")],
)
pictures = await play(FIND, app)

They drive any Textual app: the console on values that stand still (`testing.frozen`), on a real engine, or a panel of
your own. Steps wait until what they name is there, so a workflow needs no pauses. `testing.operator` has the steps of
the console's own screens.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.cells import cell_len
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

PATIENCE_S: Final = 15.0
"""How long a step waits for what it names."""
_GLANCE_S: Final = 0.02


class StepFailed(AssertionError):
    """A step did not come true; the message names the workflow and the step, and shows the screen."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done or seen; `words` name it where it fails."""

    words: str
    do: Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Workflow:
    """A name that says what is shown, the steps, and the size of the terminal in cells."""

    name: str
    steps: Sequence[Step]
    size: tuple[int, int] = (120, 40)

    @property
    def snapshots(self) -> tuple[str, ...]:
        """The names of the pictures that it takes."""
        return tuple(step.picture for step in self.steps if isinstance(step, _Snapshot))


@dataclass(slots=True)
class Stage:
    """The running app, as steps see it. `pictures` are those taken so far, as SVG by name; `keys` counts presses."""

    pilot: Pilot[Any]
    pictures: dict[str, str] = field(default_factory=dict)
    keys: int = 0

    @property
    def app(self) -> App[Any]:
        """The app."""
        return self.pilot.app

    @property
    def text(self) -> str:
        """What stands on the terminal, one row a line, without colour."""
        app = self.app
        # Textual has no public way to the text of a screen; its own screenshot goes this way.
        update: Any = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)  # noqa: SLF001 - as said
        return "\n".join("".join(part.text for part in row if part is not None).rstrip() for row in update.strips)

    async def press(self, *keys: str) -> None:
        """Press keys, named as Textual names them."""
        self.keys += len(keys)
        await self.pilot.press(*keys)

    async def until(self, claim: Callable[[], bool], *, limit_s: float = PATIENCE_S) -> bool:
        """Whether something came true within a time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not claim():
                    await self.pilot.pause(_GLANCE_S)
                return True
        return claim()

    def where(self, words: str) -> tuple[int, int] | None:
        """The cell where words stand first, as column and row."""
        for y, line in enumerate(self.text.splitlines()):
            if words in line:
                return cell_len(line[: line.index(words)]), y
        return None


async def play(workflow: Workflow, app: App[Any]) -> Mapping[str, str]:
    """Run an app through a workflow; the pictures that it took, as SVG by name.

    Raises:
        StepFailed: a step did not come true.
    """
    app.animation_level = "none"
    async with app.run_test(size=workflow.size, notifications=True) as pilot:
        stage = Stage(pilot)
        await pilot.pause()
        for number, step in enumerate(workflow.steps, start=1):
            try:
                await step.do(stage)
            except AssertionError as error:
                place = f"{workflow.name}: step {number} of {len(workflow.steps)}, {step.words}"
                raise StepFailed(f"{place}: {error or 'it is not so'}\n\n{stage.text}") from error
        return stage.pictures


# --- what is done --------------------------------------------------------------------------------------------------


def press(*keys: str) -> Step:
    """Press keys one after the other."""
    return Step(f"press {' '.join(keys)}", lambda stage: stage.press(*keys))


def enter(text: str) -> Step:
    """Type a text where the focus is."""
    return Step(f"type {text!r}", lambda stage: stage.press(*text))


def resize(columns: int, rows: int) -> Step:
    """Make the terminal another size."""
    return Step(f"at {columns}x{rows}", lambda stage: stage.pilot.resize_terminal(columns, rows))


def theme(name: str) -> Step:
    """Use another theme."""

    async def changed(stage: Stage) -> None:
        stage.app.theme = name
        await stage.pilot.pause()

    return Step(f"theme {name}", changed)


def click(words: str, *, times: int = 1) -> Step:
    """Click where words stand."""

    async def clicked(stage: Stage) -> None:
        assert await stage.until(lambda: stage.where(words) is not None), f"{words!r} is nowhere to click"
        await stage.pilot.click(offset=stage.where(words) or (0, 0), times=times)
        await stage.pilot.pause()

    return Step(f"click {words!r}", clicked)


def do(words: str, act: Callable[[Stage], Awaitable[None] | None]) -> Step:
    """Anything else, such as a fault in a sandbox."""

    async def acted(stage: Stage) -> None:
        done = act(stage)
        if done is not None:
            await done

    return Step(words, acted)


def together(words: str, *steps: Step) -> Step:
    """Several steps under one name: how a panel gets verbs of its own."""

    async def done(stage: Stage) -> None:
        for step in steps:
            try:
                await step.do(stage)
            except AssertionError as error:
                raise AssertionError(f"{step.words}: {error or 'it is not so'}") from error

    return Step(words, done)


# --- what is seen --------------------------------------------------------------------------------------------------


def see(*texts: str, limit_s: float = PATIENCE_S) -> Step:
    """Texts stand on the terminal, at once or within a time."""

    async def seen(stage: Stage) -> None:
        for text in texts:
            there = await stage.until(lambda text=text: text in stage.text, limit_s=limit_s)  # type: ignore[misc]  # mypy infers no default of a lambda
            assert there, f"{text!r} is not there"

    return Step(f"see {', '.join(map(repr, texts))}", seen)


def see_no(*texts: str, limit_s: float = PATIENCE_S) -> Step:
    """Texts stand nowhere, or are gone within a time."""

    async def gone(stage: Stage) -> None:
        for text in texts:
            away = await stage.until(lambda text=text: text not in stage.text, limit_s=limit_s)  # type: ignore[misc]  # mypy infers no default of a lambda
            assert away, f"{text!r} is still there"

    return Step(f"see no {', '.join(map(repr, texts))}", gone)


def expect(words: str, claim: Callable[[Any], bool], *, limit_s: float = PATIENCE_S) -> Step:
    """A claim about the app's `state` is true, at once or within a time."""
    return _Expectation(words, lambda stage: _expected(stage, claim, limit_s))


async def _expected(stage: Stage, claim: Callable[[Any], bool], limit_s: float) -> None:
    app: Any = stage.app
    assert await stage.until(lambda: claim(app.state), limit_s=limit_s), "the state says otherwise"


def snapshot(name: str) -> Step:
    """Take a picture of the terminal."""

    async def taken(stage: Stage) -> None:
        await stage.pilot.pause()
        for field_ in stage.app.screen.query(Input):
            # A caret that blinks would make the picture a matter of luck.
            field_.cursor_blink = False
        await stage.pilot.pause()
        stage.pictures[name] = stage.app.export_screenshot(simplify=True)

    return _Snapshot(f"snapshot {name}", taken, name)


@dataclass(frozen=True, slots=True)
class _Snapshot(Step):
    picture: str


@dataclass(frozen=True, slots=True)
class _Expectation(Step):
    pass


def unproven(workflow: Workflow) -> list[str]:
    """Names of the snapshots with no `expect` since the one before: pictures that could be of anything."""
    found, proven = [], False
    for step in workflow.steps:
        if isinstance(step, _Expectation):
            proven = True
        elif isinstance(step, _Snapshot):
            if not proven:
                found.append(step.picture)
            proven = False
    return found
