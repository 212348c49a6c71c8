"""Lists of tables changed in a TOML text: what stays the same stays as it was written."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.adapters.toml_edit import edited

TEXT = """\
# top
[alerts]
window = 60000  # a minute

# first
[[alerts.rules]]
name = "a"  # the a
when = "score < 40"

# second
[[alerts.rules]]
name = "b"
when = "score < 50"  # keep

[log]
level = "info"
"""
A = {"name": "a", "when": "score < 40"}
B = {"name": "b", "when": "score < 50"}
PATH = ("alerts", "rules")


def made(rules: list[dict[str, Any]] | None, text: str = TEXT) -> str:
    """The text with these rules."""
    after = edited(text, PATH, rules, file="config.toml")
    assert tomllib.loads(after).get("alerts", {}).get("rules") == rules
    return after


def test_one_more_is_put_behind_the_others_and_apart_from_what_follows() -> None:
    after = made([A, B, {"name": "c", "when": "p95 > 3"}])
    assert after == TEXT.replace("# keep\n\n", '# keep\n\n[[alerts.rules]]\nname = "c"\nwhen = "p95 > 3"\n\n')


def test_a_changed_field_leaves_the_comments_of_its_neighbours() -> None:
    assert made([A, {**B, "when": "score < 60"}]) == TEXT.replace("score < 50", "score < 60")


def test_the_first_goes_and_the_second_keeps_its_words() -> None:
    after = made([B])
    assert "the a" not in after
    assert 'when = "score < 50"  # keep' in after


def test_where_there_is_none_yet_they_are_tables_and_not_one_line() -> None:
    assert made([A], "[engine]\nmax_retries = 3\n").endswith('[[alerts.rules]]\nname = "a"\nwhen = "score < 40"\n')


def test_a_list_on_one_line_becomes_tables() -> None:
    assert made([A, B], '[alerts]\nrules = [{ name = "x" }]\n').count("[[alerts.rules]]") == 2


def test_the_last_table_of_its_kind_takes_the_headers_above_it_along() -> None:
    text = '[engine]\nmax_retries = 3\n\n[translation.providers.here]\ndriver = "apertium"\n'
    assert tomllib.loads(edited(text, ("translation", "providers", "here"), None, file="config.toml")) in (
        {"engine": {"max_retries": 3}},
        {"engine": {"max_retries": 3}, "translation": {"providers": {}}},
    )


RULES = st.lists(
    st.fixed_dictionaries({"name": st.text("abc", min_size=1, max_size=3)}, optional={"enabled": st.booleans()}),
    max_size=6,
)


@settings(deadline=None)
@given(steps=st.lists(RULES.filter(bool), min_size=1, max_size=4))
def test_whatever_becomes_of_the_list_the_text_means_it_and_the_rest_stays(steps: list[list[dict[str, Any]]]) -> None:
    text = TEXT
    for rules in steps:
        text = made(rules, text)
    assert text.startswith("# top\n[alerts]\nwindow = 60000  # a minute\n")
    assert '[log]\nlevel = "info"\n' in text
