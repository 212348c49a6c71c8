"""What Plugins and the doctor say, without a terminal."""

from __future__ import annotations

import msgspec
import pytest
from tests.tui.plugin_scene import AI, ARCHIVE, FINDINGS, LISTENER, PLUGINS, PRICES, TRANSLATION, WEATHER, plugin
from tests.tui.scene import NOW, scene
from tests.tui.test_app import HOSTILE

from provider_console.console.story import diagnosis
from provider_console.console.views import Finding
from provider_console.tui.changes import CheckAsked, Closed, Examined
from provider_console.tui.glyphs import ASCII, UNICODE, in_ascii
from provider_console.tui.ink import plain, width_of
from provider_console.tui.pages import doctor, plugins
from provider_console.tui.pages import plugin as one
from provider_console.tui.reduce import reduce
from provider_console.tui.state import Examination, State

SIZES = [60, 72, 80, 92, 100, 110, 116, 120, 160, 200]
OFF = frozenset({"archive"})


def text(lines: object) -> str:
    return "\n".join(plain(each) for each in lines)  # type: ignore[attr-defined]


def words(lines: object) -> str:
    """The same, however it was broken into lines."""
    return " ".join(text(lines).split())


def state(*known: object, **more: object) -> State:
    return scene(plugins=known or PLUGINS, plugins_off=OFF, **more)


def said(known: State) -> str:
    return text(plugins.headline(known, 120, UNICODE))


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        (PLUGINS, "weather is put aside: provider_console_sources: RuntimeError: the forecast is not what it was"),
        ((WEATHER, plugin("rain", state="quarantined", reason="no")), "2 of 2 plugins are put aside: weather, rain."),
        ((TRANSLATION, PRICES), "prices works in part: ranker cheapest: KeyError"),
        ((PRICES, plugin("rates", problems=("no",))), "2 of 2 plugins work in part: prices, rates."),
        ((TRANSLATION, AI, LISTENER), "All 3 plugins work."),
        ((TRANSLATION,), "The one plugin works."),
        ((TRANSLATION, AI, ARCHIVE), "2 plugins work. 1 off."),
        ((ARCHIVE,), "Every plugin is off: nothing can be found"),
    ],
)
def test_the_sentence_says_what_is_loaded_and_what_is_not(known: tuple[object, ...], sentence: str) -> None:
    assert sentence in said(state(*known))


def test_nothing_known_yet_nothing_installed_and_no_engine_are_three_different_things() -> None:
    assert "Looking for plugins." in said(State(now=NOW))
    assert "No plugin is installed" in said(scene(plugins=()))
    assert "plugins new NAME" in said(scene(plugins=()))
    closed = said(reduce(State(now=NOW), Closed(NOW, "console.db: is locked")))
    assert "The engine could not be opened." in closed
    assert "is locked" in closed


def test_the_figures_count_what_is_there_and_what_changes() -> None:
    under = said(state()).splitlines()[1]

    assert "4 sources, 5 drivers, 3 kinds, 1 order · 2 new or changed since the last start" in under
    kept = scene(plugins=PLUGINS, plugins_off=OFF | {"prices"})
    assert "1 other at the next start" in said(kept)


def test_the_worst_come_first_and_those_that_are_off_last() -> None:
    assert [view.name for view in plugins.ordered(state())] == [
        "weather",
        "prices",
        "translation",
        "dynamic_ai",
        "system_secrets",
        "pager",
        "archive",
    ]


@pytest.mark.parametrize(
    ("needle", "names"),
    [
        ("weather", ["weather"]),
        ("put aside", ["weather"]),
        ("OLLAMA", ["dynamic_ai"]),
        ("acme new", ["pager"]),
        ("wether", []),
    ],
)
def test_a_filter_looks_at_names_states_and_what_is_brought(needle: str, names: list[str]) -> None:
    assert [view.name for view in plugins.ordered(state(), needle)] == names


def test_a_filter_that_finds_nothing_names_the_nearest_plugin() -> None:
    found = text(plugins.nothing_found(state(), "wether", 120))

    assert "matches no plugin" in found
    assert "weather" in found


def test_a_row_says_what_is_new_and_what_the_next_start_changes() -> None:
    def row(view: object, off: frozenset[str] = OFF) -> str:
        known = scene(plugins=PLUGINS, plugins_off=off)
        return plain(plugins.plugin_row(view, known, 120, UNICODE, selected=False))  # type: ignore[arg-type]

    assert "● pager" in row(LISTENER)
    assert "works · new" in row(LISTENER)
    assert "put aside · was 2.3.0" in row(WEATHER)
    assert "works · off at the next start" in row(AI, frozenset({"archive", "dynamic_ai"}))
    assert "off · on at the next start" in row(ARCHIVE, frozenset())
    assert "1 source, 3 drivers, 1 kind" in row(TRANSLATION)


@pytest.mark.parametrize("width", SIZES)
def test_every_line_of_plugins_fits_every_width(width: int) -> None:
    long = plugin("N" * 300, version="9" * 300, package="p" * 300, module="m" * 300, reason="r " * 900)
    wide = plugin("משרד 🌍 " * 40, drivers=tuple(f"driver_{n}" for n in range(90)), problems=("東京" * 300,))
    known = state(*PLUGINS, long, wide)
    pages = [plugins.headline(known, width, UNICODE), plugins.header(width, UNICODE, ruled=True)]
    for view in known.plugins or ():
        pages += [
            [plugins.plugin_row(view, known, width, UNICODE, selected=True)],
            one.page(view, known, width, UNICODE),
            *(one.below(view, known, width, height, UNICODE) for height in (3, 9, 30)),
        ]
    assert max(width_of(line) for page in pages for line in page) <= width


@pytest.mark.parametrize("height", [0, 2, 3, 5, 6, 9, 14, 30])
def test_the_detail_takes_no_more_rows_than_there_are(height: int) -> None:
    for view in PLUGINS:
        assert len(one.below(view, state(), 120, height, UNICODE)) <= height


def test_the_detail_has_reason_first_try_hooks_and_the_last_of_the_traceback() -> None:
    shown = text(one.below(WEATHER, state(), 120, 18, UNICODE))

    assert "RuntimeError: the forecast is not what it was" in shown
    assert "Update or mend it, then restart. Press d to keep it out." in shown
    assert "drivers, sources" in shown
    assert "acme-weather · weather.plugin" in shown
    assert shown.splitlines()[-1].endswith("RuntimeError: the forecast is not what it was")


def test_the_page_has_every_line_of_the_traceback() -> None:
    shown = words(one.page(WEATHER, state(), 80, UNICODE))

    for told in (WEATHER.traceback or "").splitlines():
        assert " ".join(told.split()) in shown


def test_a_plugin_takes_its_providers_its_kinds_and_what_only_they_serve_with_it() -> None:
    lost = one.loss(TRANSLATION, state())

    assert "DeepL" in lost.providers
    assert lost.kinds == ("translate",)
    assert lost.unserved == ("translate en›es",)
    question = text(one.keeps_out(TRANSLATION, state()))
    assert "from the next start on it is not loaded" in question
    assert "Then nobody serves translate en›es." in question
    assert "5 providers go with it: Apertium, DeepL, Gemini, LibreTranslate, OpenAI." in question
    assert "Nobody can execute translate." in question
    assert "[translation] stay in the file" in question


def test_a_plugin_that_nothing_depends_on_says_so() -> None:
    assert "no provider and no kind of operation depends on it" in text([one.without(LISTENER, state())])
    assert one.loss(WEATHER, state()) == one.Loss((), (), ())


def test_letting_one_in_says_whose_code_will_run() -> None:
    question = text(one.lets_in(ARCHIVE))

    assert "From the next start on it is loaded." in question
    assert "acme-archive · 5.1 · acme_archive" in question
    assert "with the rights of its user" in question


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        (WEATHER, "weather is put aside: provider_console_sources: RuntimeError"),
        (PRICES, "prices works in part: ranker cheapest"),
        (ARCHIVE, "archive is off: switched off in [plugins] disabled"),
        (TRANSLATION, "translation works: 1 source, 3 drivers, 1 kind"),
        (LISTENER, "pager works: 1 hook"),
    ],
)
def test_a_check_says_what_became_of_it(view: object, sentence: str) -> None:
    assert sentence in one.checked(view)  # type: ignore[arg-type]


def test_hostile_words_of_a_plugin_steer_nothing_and_break_no_line() -> None:
    words = "".join(HOSTILE) + "\n\r"
    view = plugin(words, version=words, package=words, module=words, reason=words, news=words, problems=(words,))
    view = msgspec.structs.replace(view, drivers=(words,), hooks=(words,), settings=(words,), traceback=words * 3)
    known = state(view)
    pages = [
        plugins.headline(known, 120, UNICODE),
        [plugins.plugin_row(view, known, 120, UNICODE, selected=True)],
        one.keeps_out(view, known),
        one.lets_in(view),
        one.facts(view, known),
    ]
    shown = "".join(text(page) for page in pages[:-1]) + "".join(
        plain(value) for _name, value in one.facts(view, known)
    )

    assert not set(shown) & set("\x00\x07\x1b\x90\x9b\x9c\u202e\r")
    assert "[@click=app.quit]" in shown


def test_every_state_of_a_plugin_has_its_own_mark_and_word_in_ascii() -> None:
    rows = [
        in_ascii(plain(plugins.plugin_row(view, state(), 80, ASCII, selected=False)))
        for view in (WEATHER, PRICES, TRANSLATION, ARCHIVE)
    ]

    assert len({row[1] for row in rows}) == 4
    assert all(row.isascii() for row in rows)


# --- doctor --------------------------------------------------------------------------------------------------------

SEEN = Examination(NOW - 1, NOW, FINDINGS)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_doctor_shows_everything_that_the_command_prints(width: int) -> None:
    shown = words(doctor.findings(SEEN, width, UNICODE))
    printed = "\n".join(diagnosis(FINDINGS))

    for finding in FINDINGS:
        assert f"{'ok ' if finding.ok else 'BAD'}  {finding.check}: {finding.evidence}" in printed
        assert finding.evidence in shown
        assert set(finding.check.split()) <= set(shown.split())
        assert finding.mend is None or (f"do: {finding.mend}" in shown and f"do: {finding.mend}" in printed)
    assert shown.count("▼") == printed.count("BAD") == 2


def test_what_is_wrong_comes_first_with_the_command_that_mends_it() -> None:
    shown = text(doctor.findings(SEEN, 120, UNICODE))

    assert shown.index("azure_openai answers") < shown.index("the configuration is valid")
    assert "do: provider-console secrets set AZURE_OPENAI_KEY" in shown


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (None, "The doctor has not looked yet."),
        (SEEN, "2 of 8 things need mending."),
        (Examination(NOW, NOW, FINDINGS[:3]), "1 of 3 things needs mending."),
        (Examination(NOW, NOW, FINDINGS[:2]), "Nothing is wrong. 2 things looked at."),
        (Examination(NOW, NOW), "Nothing was looked at."),
        (Examination(NOW), "Looking at files, keyring, plugins and every enabled provider."),
    ],
)
def test_the_doctor_begins_with_a_sentence(found: Examination | None, sentence: str) -> None:
    assert sentence in text(doctor.headline(scene(examination=found), 120, UNICODE))


def test_a_doctor_that_looks_counts_the_providers_that_have_answered() -> None:
    known = reduce(scene(), CheckAsked(NOW, frozenset({"deepl", "openai"})))
    known = reduce(known, Examined(Examination(NOW)))

    assert "0 of 2" in text(doctor.headline(known, 120, UNICODE))


def test_no_command_of_a_finding_is_cut() -> None:
    mend = "provider-console config set translation.providers." + "x" * 200 + " --unset"
    finding = Finding(check="c" * 90, ok=False, evidence="東京 " * 90, mend=mend)
    lines = doctor.findings(Examination(NOW, NOW, (finding,)), 60, UNICODE)

    assert mend.replace(" ", "") in text(lines).replace("\n", "").replace(" ", "")
    assert max(map(width_of, lines)) <= 60
