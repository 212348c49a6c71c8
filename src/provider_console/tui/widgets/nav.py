"""The first rows: the modes, the accent under the active one, the tally, who is here where, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events
from textual.strip import Strip

from provider_console.tui.bar import UNMARKED, navigation, places
from provider_console.tui.ink import BLANK, Line
from provider_console.tui.messages import ModeRequested
from provider_console.tui.widgets.painted import Painted


class Nav(Painted):
    """`modes` are names and titles in the order of their digits; `right` is the tally and the user, already in ink."""

    DEFAULT_CSS = "Nav { dock: top; height: 2; }"

    def __init__(self, modes: Sequence[tuple[str, str]], active: str) -> None:
        super().__init__()
        self._modes = modes
        self._active = active
        self._right: Line = BLANK
        self._notes: Sequence[Line] = ()
        self._rule = "─"
        self._accent = "━"
        self._marks: Mapping[str, Line] = UNMARKED
        self._notice: Line = BLANK

    def show(
        self,
        right: Line,
        *,
        rule: str,
        accent: str,
        notes: Sequence[Line] = (),
        marks: Mapping[str, Line] = UNMARKED,
        notice: Line = BLANK,
    ) -> None:
        """Show another tally and user.

        `notes` are rows below the rule, `marks` stand behind the titles of modes, `notice` lies on the rule.
        """
        shown = (right, rule, accent, notes, marks, notice)
        if shown != (self._right, self._rule, self._accent, self._notes, self._marks, self._notice):
            self._right, self._rule, self._accent, self._notes, self._marks, self._notice = shown
            self.styles.height = 2 + len(notes)
            self.refresh()

    @property
    def notes(self) -> Sequence[Line]:
        """What is said to be wrong."""
        return self._notes

    def render_line(self, y: int) -> Strip:
        """The modes, the rule under them, or a note."""
        width = self.size.width
        if y > 1:
            return self.strip(self._notes[y - 2] if y - 2 < len(self._notes) else BLANK, width)
        rows = navigation(
            self._modes,
            self._active,
            self._right,
            width=width,
            rule=self._rule,
            accent=self._accent,
            marks=self._marks,
            notice=self._notice,
        )
        return self.strip(rows[y], width)

    def on_click(self, event: events.Click) -> None:
        """Go to the mode that was clicked."""
        for place in places(self._modes, self.size.width, self._marks):
            if event.y < 2 and place.at <= event.x < place.at + place.width:
                self.post_message(ModeRequested(place.name))
