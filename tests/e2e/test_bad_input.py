"""Wrong names, wrong values, hostile text and hostile providers: one sentence that helps, and the right exit code."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator

import pytest
from tests.e2e.home import PROGRAM, Finished, Home, clean_stderr, deepl, translation

from provider_console.sandbox import Fault, LibreTranslateSandbox, Server, serve_in_thread

# Each of these tests starts several processes, and a busy machine takes its time for that.
pytestmark = pytest.mark.limit(60)

TO_SPANISH = ("execute", "translate", "--from", "en", "--to", "es")


@pytest.fixture
def served(home: Home, deepl_server: Server) -> Home:
    """A console with one translation provider that works."""
    home.configure(translation({"primary": deepl(deepl_server.base_url)}))
    return home


def said(finished: Finished) -> str:
    """The last line on stderr, after a look that nothing is on stdout."""
    assert finished.out == ""
    return clean_stderr(finished)[-1]


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (("execute", "tranlsate", "--text", "x"), "translate"),
        ((*TO_SPANISH, "--text", "x", "--category", "transaltion"), "translation"),
        ((*TO_SPANISH, "--text", "x", "--require", "transalte"), "translate"),
        ((*TO_SPANISH, "--text", "x", "--provider", "primry"), "primary"),
        ((*TO_SPANISH, "--text", "x", "--set", "formt=html"), "format"),
        (("check", "primry"), "primary"),
        (("providers", "--category", "transaltion"), "translation"),
        (("providers", "--capability", "text_generatoin"), "text_generation"),
        (("providers", "enable", "primry"), "primary"),
        (("config", "get", "engine.max_retrys"), "engine.max_retries"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else None,
)
@pytest.mark.parametrize("json", [(), ("--json",)], ids=["text", "json"])
def test_an_unknown_name_is_answered_with_the_nearest_known_one(
    served: Home, arguments: tuple[str, ...], nearest: str, json: tuple[str, ...]
) -> None:
    finished = served.run(*arguments, *json)

    assert finished.code == 2, finished
    assert f"did you mean '{nearest}'" in said(finished)


def test_an_unknown_command_is_answered_with_the_nearest_known_one(home: Home) -> None:
    finished = home.run("exekute")

    assert (finished.code, finished.out) == (2, "")
    assert "did you mean 'execute'" in finished.err
    assert not home.path.exists()


def test_setting_an_unknown_key_names_the_nearest_and_changes_nothing(served: Home) -> None:
    before = (served.path / "config.toml").read_bytes()

    finished = served.run("config", "set", "engine.max_retrys", "3")

    assert finished.code == 2, finished
    assert "max_retries" in said(finished)
    assert (served.path / "config.toml").read_bytes() == before


# --- configuration -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("[engine]\nmax_retries = = 5\n", ":2:", ("value",)),
        ("[engine]\nmax_retrys = 5\n", ":2:1", ("max_retries",)),
        ("[engin]\nmax_retries = 5\n", ":1:", ("engine",)),
        ('[engine]\nmax_retries = "five"\n', ":2:15", ("whole number", "1 to 20")),
        ("# more than any provider deserves\n[engine]\nmax_retries = 500\n", ":3:15", ("1 to 20", "500")),
        ('[translation.providers.x]\ndriver = "deepl"\nbase_url = "ftp://x"\n', ":3:", ("http",)),
        (b"[engine]\nmax_retries = 5 # \xff\n", ":2:", ("UTF-8",)),
    ],
    ids=["syntax", "unknown key", "unknown table", "wrong type", "out of bounds", "address", "bytes"],
)
def test_a_wrong_configuration_is_told_with_its_place_and_what_would_be_right(
    home: Home, text: str | bytes, place: str, words: tuple[str, ...]
) -> None:
    file = home.configure_text(text)

    finished = home.run("providers", "--json")

    assert finished.code == 5, finished
    told = said(finished)
    assert f"{file}{place}" in told
    assert all(word in told for word in words), told


def test_an_unknown_driver_is_told_with_the_nearest_one(home: Home) -> None:
    # No error: the plugin that brings it may be out for a moment, and the other providers are served.
    home.configure({"dynamic_ai": {"discover_local": False}, "translation": {"providers": {"x": {"driver": "deepel"}}}})

    finished = home.run("health")

    assert "unknown driver 'deepel'; did you mean 'deepl'?" in "\n".join(clean_stderr(finished))


def test_the_doctor_knows_of_an_unknown_driver(home: Home) -> None:
    home.configure({"dynamic_ai": {"discover_local": False}, "translation": {"providers": {"x": {"driver": "deepel"}}}})

    finished = home.run("doctor")

    assert "unknown driver 'deepel'" in finished.out


def test_a_wrong_environment_setting_is_told_by_its_name(home: Home) -> None:
    finished = home.run("providers", environ={"PROVIDER_INTEGRATION_MAX_RETRIES": "many"})

    assert finished.code == 5, finished
    assert "PROVIDER_INTEGRATION_MAX_RETRIES" in said(finished)


def test_validate_tells_every_problem_of_another_file_and_leaves_the_own_one_alone(served: Home) -> None:
    other = served.path / "other.toml"
    other.write_text('[engine]\nmax_retries = "five"\nbase_delay = -1\n', "utf-8")

    finished = served.run("config", "validate", str(other))

    assert finished.code == 5, finished
    assert f"{other}:2:15" in finished.err
    assert f"{other}:3:14" in finished.err
    assert served.run("config", "validate").code == 0


# --- nobody there --------------------------------------------------------------------------------------------------


def test_without_a_keyring_storing_is_refused_with_what_to_do(served: Home) -> None:
    finished = served.run("secrets", "set", "OTHER_KEY", stdin="canary-5150-value")

    assert finished.code == 4, finished
    told = said(finished)
    assert "keyring" in told
    assert "environment variables" in told
    assert not [f for f in served.path.rglob("*") if f.is_file() and b"canary-5150" in f.read_bytes()]


def test_a_console_without_providers_names_three_ways_on(home: Home) -> None:
    home.configure({"dynamic_ai": {"discover_local": False}})

    finished = home.run(*TO_SPANISH, "--text", "Hello.")

    assert finished.code == 1, finished
    told = clean_stderr(finished)[-1]
    assert all(way in told for way in ("config.toml", "provider-console secrets set", "provider-console demo")), told


def test_a_missing_credential_is_told_with_the_command_that_stores_it(home: Home, deepl_server: Server) -> None:
    home.configure(translation({"primary": {**deepl(deepl_server.base_url), "credential": "NOT_THERE"}}))

    finished = home.run(*TO_SPANISH, "--text", "Hello.")

    assert finished.code == 1, finished
    assert "provider-console secrets set NOT_THERE" in clean_stderr(finished)[-1]
    assert deepl_server.count("/v2/translate") == 0


def test_an_id_is_needed_to_enable_something(served: Home) -> None:
    finished = served.run("providers", "enable")

    assert finished.code == 2, finished
    assert "needs the ID" in said(finished)


# --- text ----------------------------------------------------------------------------------------------------------


def test_an_empty_text_is_refused_before_anybody_is_asked(served: Home, deepl_server: Server) -> None:
    finished = served.run(*TO_SPANISH, "--text", "")

    assert finished.code == 2, finished
    assert "text" in said(finished)
    assert deepl_server.count("/v2/translate") == 0


def test_ten_megabytes_are_cut_into_pieces_or_refused_in_one_sentence(served: Home, deepl_server: Server) -> None:
    text = "The house is red. " * (10 * 1024 * 1024 // 18)

    finished = served.run(*TO_SPANISH, "-", "--json", "--quiet", stdin=text)

    assert finished.code in (0, 2, 3), finished.err[-2000:]
    assert len(clean_stderr(finished)) <= 1
    if finished.code == 0:
        assert finished.json()["result"]["text"].count("La casa es roja.") == text.count("house")


def test_bytes_that_are_no_text_are_refused(served: Home) -> None:
    finished = served.run(*TO_SPANISH, "-", stdin=b"caf\xe9")

    assert finished.code == 2, finished
    assert "UTF-8 (byte 3)" in said(finished)


HOSTILE = "\x1b]0;owned\x07\x1b[31mGood morning.\u202e\u2066\x00\x9b2J\x08"
UNSAFE = [chr(code) for code in (*range(32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))]


def unsafe_in(text: str) -> list[str]:
    return [f"U+{ord(c):04X}" for c in text if c in UNSAFE and c not in "\n\t"]


@pytest.mark.parametrize("json", [(), ("--json",)], ids=["text", "json"])
def test_control_characters_and_overrides_in_the_text_do_not_reach_the_terminal(
    served: Home, json: tuple[str, ...]
) -> None:
    finished = served.run(*TO_SPANISH, "-", *json, stdin=HOSTILE)

    assert finished.code == 0, finished
    clean_stderr(finished)
    assert unsafe_in(finished.out + finished.err) == []


def test_control_characters_in_names_do_not_reach_the_terminal(served: Home) -> None:
    hostile = HOSTILE.replace("\x00", "")

    ended = [
        served.run("execute", hostile, "--text", "x"),
        served.run(hostile),
        served.run("check", hostile),
        served.run("config", "get", hostile),
        served.run("config", "set", hostile, "1"),
        served.run("secrets", "test", hostile),
        served.run("audit", "--since", hostile),
        served.run("execute", "translate", "--to", hostile, "--text", "x"),
        served.run("execute", "translate", "--to", "es", "--file", hostile),
        served.run("config", "validate", hostile),
        served.run("secrets", "delete", hostile),
        served.run("audit"),
    ]

    assert [finished.code for finished in ended if finished.code not in (0, 1, 2, 3, 4, 5)] == []
    assert {" ".join(unsafe_in(finished.out + finished.err)) for finished in ended} == {""}
    assert [clean_stderr(finished)[:0] for finished in ended] == [[]] * len(ended)


# --- providers that answer badly -----------------------------------------------------------------------------------


@pytest.fixture
def hostile_server(home: Home) -> Iterator[Server]:
    with serve_in_thread(LibreTranslateSandbox()) as server:
        table = {"driver": "libretranslate", "base_url": server.base_url, "network": "loopback"}
        home.configure(translation({"hostile": table}, engine={"max_retries": 1}))
        yield server


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("json", [(), ("--json",)], ids=["text", "json"])
def test_escape_sequences_of_a_provider_do_not_reach_the_terminal(
    home: Home, hostile_server: Server, status: int, json: tuple[str, ...]
) -> None:
    # The error on the work alone: without its list of languages nobody would ask this provider at all.
    hostile_server.faults.set(Fault("escape", status=status), on="work")
    if status == 200:
        hostile_server.faults.set(Fault("escape"))

    ended = [
        home.run(*TO_SPANISH, "--text", "Good morning.", "--explain", *json),
        home.run("check", *json),
        home.run("providers", "--include-inactive", *json),
        home.run("doctor", *json),
        home.run("health", *json),
    ]

    assert hostile_server.count("/translate") == 1
    assert [unsafe_in(finished.out + finished.err) for finished in ended] == [[]] * len(ended)
    stored = (home.path / "console.db").read_bytes() + (home.path / "log" / "console.log").read_bytes()
    assert b"\x1b]" not in stored
    for finished in ended:
        clean_stderr(finished)


@pytest.mark.parametrize("kind", ["huge", "gzip_bomb"])
def test_an_endless_answer_is_cut_off_and_called_a_bad_result(home: Home, hostile_server: Server, kind: str) -> None:
    hostile_server.faults.set(Fault(kind), on="work")  # type: ignore[arg-type]

    finished = home.run(*TO_SPANISH, "--text", "Good morning.", "--json")

    assert finished.code == 3, finished
    [attempt] = finished.json()["attempts"]
    assert attempt["errorClass"] == "bad_result"
    assert len(attempt["message"]) <= 300


# --- the sandbox ---------------------------------------------------------------------------------------------------


def test_a_sandbox_port_in_use_is_told_by_number(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        finished = home.run("sandbox", "--port-base", str(port))

    assert finished.code == 1, finished
    told = said(finished)
    assert str(port) in told
    assert "--port-base" in told or "port base" in told


# --- the edges of the command line ---------------------------------------------------------------------------------


def test_an_option_without_a_command_is_named_where_there_is_no_terminal(home: Home) -> None:
    finished = home.run("--bogus")

    assert finished.code == 2, finished
    assert finished.out == ""
    assert "--bogus names no command" in finished.err


def test_health_without_a_provider_says_where_to_look(home: Home) -> None:
    finished = home.run("health")

    assert finished.code == 0, finished
    assert "no provider is enabled; provider-console providers --include-inactive" in finished.err


@pytest.mark.parametrize("arguments", [("--help",), ("config", "--help"), ("config", "show")], ids=" ".join)
def test_a_reader_who_has_seen_enough_gets_no_traceback(home: Home, arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        finished = subprocess.run(
            [PROGRAM, *arguments], stdout=writer, stderr=subprocess.PIPE, env=home.environ, timeout=60, check=False
        )
    finally:
        os.close(writer)

    assert (finished.returncode, finished.stderr) == (0, b"")


# --- words of the command line -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("execute",), "provider-console execute: the following arguments are required: kind"),
        (("health", "x"), "provider-console health: unrecognized arguments: x"),
        (("themes",), "provider-console themes: the following arguments are required: ACTION"),
        (("token", "issue", "--role", "nobody"), "invalid choice: 'nobody'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_no_command_takes_is_a_sentence_and_the_way_to_the_help(
    home: Home, arguments: tuple[str, ...], words: str
) -> None:
    finished = home.run(*arguments)

    sentence, way = clean_stderr(finished)
    assert (finished.code, finished.out) == (2, "")
    assert words in sentence
    assert "<" not in sentence
    assert way.endswith("--help explains it")


@pytest.mark.parametrize(
    ("arguments", "way"),
    [
        (("execute", "translate", "--to", "es"), "text is missing; --text gives it"),
        (("execute", "embed"), "texts is missing; --text gives it"),
        (("providers", "list", "primary"), "providers list takes no ID"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_is_missing_or_too_much_is_said_with_the_option(
    served: Home, arguments: tuple[str, ...], way: str
) -> None:
    finished = served.run(*arguments)

    assert finished.code == 2
    assert way in said(finished)


@pytest.mark.parametrize(("command", "way"), [("token", "token issue"), ("config", "config set")])
def test_a_list_without_entries_says_how_to_make_one(home: Home, command: str, way: str) -> None:
    finished = home.run(command, {"token": "list", "config": "history"}[command])

    assert finished.code == 0
    assert f"provider-console {way}" in said(finished)


def test_what_is_wrong_with_the_file_is_said_once(home: Home) -> None:
    home.configure_text("[engine]\nmax_retrys = 3\n")

    finished = home.run("config", "validate")

    assert finished.code == 5
    assert finished.err.count("is not a known key") == 1


def test_a_plan_without_anybody_says_where_to_look(home: Home) -> None:
    home.configure(translation({}))

    finished = home.run("execute", "translate", "--text", "x", "--to", "es", "--dry-run")

    assert (
        finished.out == "nobody can serve this now; provider-console providers --include-inactive shows who is known\n"
    )


def test_a_language_that_is_none_is_named_by_its_field(served: Home) -> None:
    finished = served.run("execute", "translate", "--text", "x", "--to", "a language")

    assert finished.code == 2
    assert said(finished).endswith("to is not a language tag; write it like en, pt-BR or zh-Hans")
