"""Textual's compositor, which looks at the rows that have changed and at no others.

Its own has each widget hand over all of its lines whenever one of them has changed, and drops the others: for a word in
one row some 300 lines went through the filters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from textual._compositor import Compositor
from textual.geometry import Region
from textual.strip import Strip


class Bands(Compositor):
    """Composes bands of neighbouring rows, as wide as the screen."""

    def __init__(self) -> None:
        super().__init__()
        self._bands: Sequence[Region] = ()

    def _render_chops(self, crop: Region, is_rendered_line: Callable[[int], bool]) -> Sequence[Mapping[int, Strip]]:
        rows = [y for y in crop.line_range if is_rendered_line(y)]
        self._bands = bands(rows, self.size.width)
        chops = super()._render_chops(crop, is_rendered_line)
        for y in rows:
            for strip in filter(None, chops[y].values()):
                # One that is not cut keeps itself as its only piece, and nobody but the collector would let go of it.
                strip._divide_cache.clear()  # noqa: SLF001 - nothing public lets go of it
        return chops

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        # From the front: where one widget takes all of a band, what is behind it there is not seen.
        bare = list(self._bands)
        for widget, (region, clip) in self.visible_widgets.items():
            shown = region.intersection(clip)
            for band in tuple(bare):
                part = within(shown, band)
                if part:
                    at = Region(part.x - region.x, part.y - region.y, part.width, part.height)
                    yield part, part, widget.render_lines(at)
                if part == band:
                    bare.remove(band)


def bands(rows: Sequence[int], width: int) -> list[Region]:
    """Rows, from the top, as regions of neighbours.

    >>> bands([3, 7, 8], 120)
    [Region(x=0, y=3, width=120, height=1), Region(x=0, y=7, width=120, height=2)]
    """
    found: list[Region] = []
    for y in rows:
        if found and found[-1].bottom == y:
            found[-1] = Region(0, found[-1].y, width, found[-1].height + 1)
        else:
            found.append(Region(0, y, width, 1))
    return found


def within(region: Region, band: Region) -> Region:
    """The rows of a region that a band has too. Textual's own way to say that remembers the last 4,096 answers.

    >>> within(Region(60, 2, 60, 20), Region(0, 20, 120, 5))
    Region(x=60, y=20, width=60, height=2)
    """
    top = max(region.y, band.y)
    return Region(region.x, top, region.width, max(0, min(region.bottom, band.bottom) - top))
