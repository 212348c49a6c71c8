"""Themes: those that come with the console pass their gates, and a bad one is named and left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from provider_console.tui.themes import (
    GATES,
    TOKENS,
    ThemeInvalid,
    contrast,
    load_themes,
    read_theme,
    shipped,
    stamp,
    textual_theme,
    too_low,
)

THEMES = load_themes([]).themes
RATIOS = [
    ("console-dark", "line", 3.2, 2.6),
    ("console-dark", "faint", 5.1, 4.2),
    ("console-dark", "text", 13.8, 11.3),
    ("console-dark", "bad", 7.7, 6.3),
    ("console-light", "muted", 6.7, 5.6),
    ("console-light", "warn", 6.2, 5.2),
    ("console-contrast", "faint", 12.0, 7.5),
    ("console-contrast", "bad", 11.4, 7.1),
    ("console-mono", "faint", 6.6, 4.1),
]


def test_four_themes_come_with_the_console() -> None:
    assert list(THEMES) == ["console-contrast", "console-dark", "console-light", "console-mono"]


@pytest.mark.parametrize("name", THEMES)
def test_each_passes_its_gate(name: str) -> None:
    assert too_low(THEMES[name]) == []
    assert THEMES[name].gate == ("high contrast" if name == "console-contrast" else "usual")
    assert set(GATES) >= {THEMES[name].gate}


@pytest.mark.parametrize(("name", "token", "on_page", "on_selected"), RATIOS)
def test_the_measured_contrasts_are_those_of_the_design(
    name: str, token: str, on_page: float, on_selected: float
) -> None:
    theme = THEMES[name]
    assert contrast(theme[token], theme["bg"]) == pytest.approx(on_page, abs=0.1)
    assert contrast(theme[token], theme["sel"]) == pytest.approx(on_selected, abs=0.1)


def test_every_colour_is_a_variable_of_our_tcss() -> None:
    made = textual_theme(THEMES["console-dark"])
    assert {f"pc-{token}" for token in TOKENS} <= set(made.variables)


GOOD = (shipped() / "console-dark.toml").read_text("utf-8").replace("console-dark", "mine")
BAD = {
    "unknown colour": (GOOD + 'acent = "#ffffff"\n', "acent.*accent"),
    "missing": (GOOD.replace('bad = "#ff7f84"\n', ""), "bad is missing"),
    "no colour": (GOOD.replace("#ff7f84", "red"), "bad = 'red': expected a colour"),
    "too low": (GOOD.replace('text = "#d8dde4"', 'text = "#333333"'), "text #333333 on bg"),
    "no toml": ("name = ", "mine.toml"),
    "a name of the outside": (GOOD.replace('name = "mine"', 'name = "../mine"'), "name: expected"),
    "huge": ("#" * 1_000_000, "larger than"),
    "another gate": (GOOD.replace('gate = "usual"', 'gate = "none"'), "gate: expected"),
    "no table": ('name = "mine"\n', r"\[colours\] is missing"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=list(BAD))
def test_a_bad_theme_is_reported_and_left_out(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text, "utf-8")

    with pytest.raises(ThemeInvalid, match=words):
        read_theme(tmp_path / "mine.toml")
    found = load_themes([tmp_path])
    assert "mine" not in found.themes
    assert len(found.problems) == 1


def test_a_theme_of_the_user_is_there_and_its_change_is_seen(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD, "utf-8")
    assert "mine" in load_themes([tmp_path]).themes
    before = stamp([tmp_path])
    (tmp_path / "mine.toml").write_text(GOOD + "# changed\n", "utf-8")
    assert stamp([tmp_path]) != before


def test_no_theme_takes_the_place_of_one_that_comes_with_the_console(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(GOOD.replace('"mine"', '"console-dark"'), "utf-8")
    assert "give yours another name" in load_themes([tmp_path]).problems[0]


def test_bytes_that_are_no_text_and_links_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "b.toml").symlink_to(shipped() / "console-dark.toml")
    found = load_themes([tmp_path])
    assert found.problems == (f"{tmp_path / 'a.toml'}: not UTF-8",)
