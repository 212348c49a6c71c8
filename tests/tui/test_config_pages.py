"""Config's pages as text: values there and back, what is not saved, differences, and every row at every width."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tui.config_scene import FILE, SECRETS, TEXT, THEIRS, ConfigDesk
from tests.tui.scene import NOW, scene

from provider_console.console.views import ConfigImpact, PlanChange, SettingView, TrialView, Who, iso
from provider_console.tui.glyphs import UNICODE
from provider_console.tui.ink import Line, plain, width_of
from provider_console.tui.pages import config, frame, review, secrets
from provider_console.tui.pages.difference import diff_lines, difference, impact_line, impact_lines
from provider_console.tui.pages.unsaved import ABSENT, Unsaved, Written, reason
from provider_console.tui.pages.values import Mistyped, allowed, read, same, shown, typed_of, words_of
from provider_console.tui.state import State

SETTINGS = config.settings_of(ConfigDesk().config())
WIDTHS = (60, 80, 100, 120, 200)


def state(**more: Any) -> State:
    """The moment with a configuration."""
    return scene(**{"config": ConfigDesk().config(), **more})


def setting(key: str) -> SettingView:
    """A setting of that moment."""
    return SETTINGS[key]


def text(lines: list[Line]) -> str:
    """Lines as they are read."""
    return "\n".join(map(plain, lines))


WRITTEN = Written.of(TEXT, "r1")


# --- values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", SETTINGS.values(), ids=lambda each: each.key)
def test_every_setting_reads_what_stands_in_its_field_as_the_value_it_has(each: SettingView) -> None:
    if not each.type:
        return
    typed = shown(each.value) if words_of(each) else typed_of(each.value)
    assert same(read(each, typed), each.value)


TEXTS = st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12), max_size=5)


@settings(deadline=None)
@given(value=TEXTS)
def test_a_list_of_any_texts_is_read_as_it_was_written(value: list[str]) -> None:
    assert list(read(setting("translation.providers.deepl.models"), typed_of(value)) or []) == value


@settings(deadline=None)
@given(value=st.dictionaries(st.text("abc>-", min_size=1, max_size=5), TEXTS, max_size=3))
def test_a_table_is_read_as_it_was_written(value: dict[str, list[str]]) -> None:
    assert read(setting("translation.prefer"), typed_of(value)) == value


@pytest.mark.parametrize(
    ("key", "typed", "said"),
    [
        ("engine.max_retries", "", "must be a whole number from 1 to 20"),
        ("engine.max_retries", "many", "must be a whole number from 1 to 20"),
        ("engine.max_retries", "0", "must be a whole number from 1 to 20"),
        ("engine.max_retries", "21", "must be a whole number from 1 to 20"),
        ("engine.max_retries", "3.5", "must be a whole number from 1 to 20"),
        ("engine.retry", "quick", 'must be "swift" or "thorough"'),
        ("health.failure_threshold", "nan", "must be a number above 0 and at most 1"),
        ("access.admins", "[1", "is not TOML"),
        ("translation.prefer", "{", "is not TOML"),
    ],
)
def test_what_cannot_be_the_value_says_what_must_be(key: str, typed: str, said: str) -> None:
    with pytest.raises(Mistyped, match=said.replace("(", r"\(")):
        read(setting(key), typed)


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("engine.max_delay", "12,000", 12000),
        ("engine.retry", "swift", "swift"),
        ("translation.providers.deepl.tier", "unset", None),
        ("translation.providers.deepl.region", "", None),
        ("network.proxy", "", ""),
        ("access.admins", "bob, zoe", ["bob", "zoe"]),
        ("access.admins", "", []),
        ("dynamic_ai.discover_local", "false", False),
    ],
)
def test_what_is_typed_is_read_as_the_type_of_the_setting(key: str, typed: str, value: Any) -> None:
    assert read(setting(key), typed) == value


def test_what_is_allowed_is_said_in_a_column() -> None:
    assert allowed(setting("engine.max_retries")) == "1 – 20"
    assert allowed(setting("engine.on_refusal")) == "next, stop"
    assert allowed(setting("health.failure_threshold")) == "0 – 1"


# --- rows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_no_row_is_wider_than_its_pane(width: int) -> None:
    shown_state = state()
    pane = width - config.section_width(width)
    unsaved = Unsaved().with_change(setting("engine.max_retries"), 3, WRITTEN)
    for each in ConfigDesk().config().settings:
        for whole in (False, True):
            row = config.setting_row(each, shown_state, unsaved, pane, UNICODE, selected=True, whole=whole)
            assert width_of(row) <= pane


def test_a_row_says_where_the_value_came_from_and_what_hides_the_file() -> None:
    view, unsaved = state(), Unsaved()

    def row(key: str) -> str:
        return plain(config.setting_row(setting(key), view, unsaved, 100, UNICODE, selected=False, whole=False))

    assert "config.toml:2" in row("engine.max_retries")
    assert "default" in row("engine.deadline")
    assert "environment, not the file" in row("engine.response_time_threshold")
    said = text(config.explained(setting("engine.response_time_threshold"), view, WRITTEN, 20, 120))
    assert "PROVIDER_CONSOLE__ENGINE__RESPONSE_TIME_THRESHOLD wins: the file's 9,000 is hidden by it." in said


def test_what_is_not_the_default_is_bold_and_the_rest_is_not() -> None:
    def bold(key: str) -> bool:
        row = config.setting_row(setting(key), state(), Unsaved(), 100, UNICODE, selected=False, whole=False)
        return any(span.bold for span in row)

    assert bold("engine.on_refusal")
    assert not bold("engine.deadline")


def test_an_admin_sees_every_setting_muted_and_is_told_what_it_needs() -> None:
    who = Who(actor="bob", role="admin", front_end="tui", may={"set_config": "needs the role super admin"})
    view = state(who=who)
    row = config.setting_row(setting("engine.on_refusal"), view, Unsaved(), 100, UNICODE, selected=False, whole=False)
    assert not any(span.bold for span in row)
    assert "To change it needs the role super admin; you are admin." in text(
        config.headline(view, Unsaved(), 9, "", 120)
    )


def test_a_broken_file_says_line_and_column_and_the_key_that_opens_it() -> None:
    broken = ConfigDesk(problem="/etc/config.toml:14:9: engine.max_retrys: is not a known key").config()
    said = text(config.headline(state(config=broken), Unsaved(), 9, "", 120))
    assert "The file cannot be used. The last good configuration is in force." in said
    assert "Mend config.toml line 14, column 9: e opens it; it is read again within 2 s." in said


def test_the_filter_looks_at_all_sections() -> None:
    keys = [each.key for each in config.entries(state(), "engine", "DEEPL tier")]
    assert keys == ["translation.providers.deepl.tier"]
    assert "Filter found nothing" in text(config.headline(state(), Unsaved(), 0, "nonsense", 120))


# --- unsaved -----------------------------------------------------------------------------------------------------


def test_a_value_that_is_put_back_by_typing_is_no_change() -> None:
    changed = Unsaved().with_change(setting("engine.max_retries"), 3, WRITTEN)
    assert changed.changes == {"engine.max_retries": 3}
    assert changed.sections() == {"engine"}
    assert not changed.with_change(setting("engine.max_retries"), 5, WRITTEN)
    assert not Unsaved().with_change(setting("engine.deadline"), None, WRITTEN)
    assert Unsaved().with_change(setting("engine.max_retries"), None, WRITTEN).changes == {"engine.max_retries": None}
    assert not changed.without("engine.max_retries")


def test_a_hidden_value_is_compared_with_the_file_and_not_with_what_hides_it() -> None:
    hidden = setting("engine.response_time_threshold")
    assert Unsaved().with_change(hidden, 12000, WRITTEN).changes == {hidden.key: 12000}
    assert not Unsaved().with_change(hidden, 9000, WRITTEN)


def test_what_both_changed_is_known_by_key() -> None:
    changed = Unsaved().with_change(setting("engine.max_retries"), 3, WRITTEN)
    changed = changed.with_change(setting("engine.max_providers"), 3, WRITTEN)
    assert changed.both(Written.of(THEIRS, "r2")) == ["engine.max_providers"]
    assert Written.of(THEIRS, "r2").value("engine.max_providers") == 2
    assert Written.of("no toml [", "r3").value("engine.max_providers") is ABSENT
    assert reason(changed.changes) == "set engine.max_retries, engine.max_providers"


def test_a_difference_has_numbers_and_papers_and_is_cut() -> None:
    diff = difference(TEXT, THEIRS)
    lines = diff_lines(diff, 20, 120, 50, UNICODE)
    papers = [{span.paper for span in line} - {""} for line in lines]
    assert {"del"} in papers
    assert {"add"} in papers
    assert all(width_of(line) <= 118 for line in lines)
    assert "3 − max_providers = 4" in text(lines)
    assert "3 + max_providers = 2" in text(lines)
    assert plain(diff_lines(diff, 20, 120, 3, UNICODE)[-1]).strip().endswith("more lines; they are in the review")


def _impact(**more: Any) -> ConfigImpact:
    return ConfigImpact(**{"changed": (), "plans": (), "line": "", "diff": (), **more})


def test_the_impact_is_one_sentence_and_the_worst_comes_first() -> None:
    from provider_console.console.views import SettingChange

    changed = (SettingChange(key="engine.order", before="a", after="b"),)
    fewer = PlanChange(what="ai", before=("openai", "groq"), after=("groq",))
    none = PlanChange(what="translation", before=("deepl",), after=())
    assert plain(impact_line(_impact())) == "No setting would be other than it is."
    assert plain(impact_line(_impact(changed=changed))) == "Nobody else would be asked."
    assert plain(impact_line(_impact(changed=changed, plans=(fewer,)))) == "1 plan would change."
    assert plain(impact_line(_impact(changed=changed, plans=(fewer, none)))) == "Nobody could be asked for translation."
    said = text(impact_lines(_impact(changed=changed, plans=(none,)), state(), 20, 120, 5))
    assert "DeepL" in said
    assert "nobody" in said


def test_the_review_says_who_saved_meanwhile_and_whose_value_is_saved() -> None:
    desk = ConfigDesk(THEIRS)
    changed = Unsaved().with_change(setting("engine.max_providers"), 3, WRITTEN)
    changed = changed.found(
        desk.edited_config(changed.changes), desk.config_impact(desk.edited_config(changed.changes))
    )
    now = Written.of(THEIRS, "r2")
    said = text(
        [
            *review.headline(changed, now, desk.revisions[0], 120),
            *review.page(changed, now, 10, (1, 10), state(), 120, UNICODE),
        ]
    )
    assert "alice saved meanwhile: set engine.on_refusal." in said
    assert "both changed engine.max_providers: theirs 2, yours 3 is saved" in said
    assert "max_providers = 3" in said


def test_a_change_on_trial_counts_down_in_the_frame_and_names_the_key() -> None:
    trial = TrialView(reason="set engine.order", author="alice", until=iso(NOW + 126))
    said = text(frame.banners(state(config=ConfigDesk(trial=trial).config()), 120, UNICODE))
    assert "on trial, 2 m 06 s left" in said
    assert "K keeps it" in said


# --- secrets -----------------------------------------------------------------------------------------------------


def test_a_credential_that_a_provider_names_and_nobody_stored_comes_first() -> None:
    known = secrets.known(SECRETS, state())
    assert [each.present for each in known] == sorted(each.present for each in known)
    assert {each.name for each in SECRETS} <= {each.name for each in known}
    row = plain(
        secrets.secret_row(msgspec.structs.replace(SECRETS[0], present=False), state(), 100, UNICODE, selected=False)
    )
    assert "◇ nowhere" in row
    assert "DeepL" in row


def test_the_file_is_named_without_its_folder() -> None:
    assert FILE not in text(config.headline(state(), Unsaved(), 9, "", 120))
