"""First run: nobody has configured a provider, and there are three ways on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from tests.tui.scene import NOW, health, provider
from textual.app import App

from provider_console.console.views import (
    CheckView,
    CredentialView,
    HealthState,
    KnownCredential,
    ProviderView,
    SurveyView,
    Who,
    iso,
)
from provider_console.sdk.secret import Secret
from provider_console.testing.frozen import FrozenClock, FrozenConsole
from provider_console.testing.operator import back
from provider_console.testing.workflow import (
    Step,
    Workflow,
    do,
    enter,
    expect,
    press,
    resize,
    see,
    see_no,
    snapshot,
    theme,
)
from provider_console.tui.app import ConsoleApp
from provider_console.tui.link import Preview, Sandbox
from provider_console.tui.themes import load_themes
from provider_console.tui.widgets.prompt import Choices

KNOWN: Final = (
    KnownCredential(name="OPENAI_API_KEY", title="OpenAI"),
    KnownCredential(name="DEEPL_AUTH_KEY", title="DeepL"),
    KnownCredential(name="GROQ_API_KEY", title="Groq"),
    KnownCredential(name="MISTRAL_API_KEY", title="Mistral AI"),
    KnownCredential(name="XAI_API_KEY", title="xAI"),
    KnownCredential(name="TOGETHER_API_KEY", title="Together AI"),
)
TYPED: Final = "typed-canary-4711"


def _found(name: str, base_url: str, credential: str | None = None) -> ProviderView:
    view = provider(name, HealthState.OFF, why="found, not adopted", last_check=None)
    key = None if credential is None else CredentialView(name=credential, present=True, backend="environment")
    return msgspec.structs.replace(view, configured=False, enabled=False, base_url=base_url, credential=key)


OLLAMA: Final = _found("Ollama", "http://127.0.0.1:11434")
OPENAI: Final = _found("OpenAI", "https://api.openai.com/v1", "OPENAI_API_KEY")


class Machine:
    """A machine with a console and no configured provider; what happens to it stays on it."""

    def __init__(
        self, *found: ProviderView, keyring_problem: str | None = None, may: dict[str, str] | None = None
    ) -> None:
        self.found = found
        self.keyring_problem = keyring_problem
        self.may = may
        self.anew()

    def anew(self) -> Machine:
        """The same machine before anything was done on it."""
        self.views = {view.id: view for view in self.found}
        self.stored: dict[str, Secret] = {}
        self.adopted: list[tuple[str, str | None, str | None]] = []
        self.console = FrozenConsole(
            {
                "health": lambda: health(tuple(self.views.values())),
                "survey": self.survey,
                "providers": lambda **_named: tuple(self.views.values()),
                "set_secret": self.set_secret,
                "clear_cache": lambda: len(self.views),
                "adopt_provider": self.adopt,
                "check": lambda name: (CheckView(provider=name, at=iso(NOW), state=HealthState.HEALTHY, passed=True),),
                "whoami": Who(
                    actor="alice",
                    role="super_admin" if self.may is None else "admin",
                    front_end="tui",
                    may=self.may or {},
                ),
            }
        )
        return self

    def survey(self) -> SurveyView:
        """Where was looked."""
        return SurveyView(
            config_file="/home/alice/.config/provider-console/config.toml",
            config_exists=bool(self.adopted),
            keyring="SecretService",
            keyring_names=len(self.stored),
            plugins=3,
            drivers=("apertium", "deepl", "libretranslate", "ollama", "openai", "openai_compatible"),
            found=tuple(view.name for view in self.views.values() if not view.configured),
            keyring_problem=self.keyring_problem,
            known=KNOWN,
        )

    def set_secret(self, name: str, value: Secret) -> None:
        """Store it; from now on the provider is found by it."""
        self.stored[name] = value
        self.views["openai"] = OPENAI

    def adopt(self, name: str, *, base_url: str | None, credential: str | None) -> ProviderView:
        """Use it."""
        self.adopted.append((name, base_url, credential))
        self.views[name] = msgspec.structs.replace(
            provider(self.views[name].name), id=name, base_url=base_url, credential=self.views[name].credential
        )
        return self.views[name]


def terminal(machine: Machine, *, sandbox: FrozenConsole | None = None, **preview: Any) -> ConsoleApp:
    """The terminal on that machine; `sandbox` is what `s` opens."""

    def opener(console: FrozenConsole) -> Any:
        @asynccontextmanager
        async def opened() -> Any:
            yield console

        return opened

    return ConsoleApp(
        opener=opener(machine.console),
        preview=Preview(user="alice", environment="production", **preview),
        clock=FrozenClock(),
        themes=load_themes([]),
        sandbox=Sandbox(opener(sandbox or FrozenConsole({"health": health()})), lambda: ("LibreTranslate", "OpenAI")),
    )


def nothing_configured(state: Any) -> bool:
    return state.survey is not None and not any(view.configured for view in state.providers.values())


def in_use(name: str) -> Callable[[Any], bool]:
    return lambda state: any(view.configured and view.id == name for view in state.providers.values())


def _cursor_is_on(stage: Any, way: str) -> None:
    assert stage.app.screen.query_one("#ways", Choices).selected == way


def is_true(words: str, claim: Callable[[], bool]) -> Step:
    def claimed(_stage: Any) -> None:
        assert claim(), words

    return do(words, claimed)


EMPTY: Final = Workflow(
    "no provider yet has three ways on",
    [
        expect("the machine has been looked over", nothing_configured),
        see("No provider yet.", "There are three ways on.", "Secret", "none of 6 keys"),
        snapshot("firstrun-120x40-dark"),
        theme("console-light"),
        expect("it is still empty", nothing_configured),
        snapshot("firstrun-120x40-light"),
        theme("console-dark"),
        resize(80, 24),
        see("Start the sandbox", "config"),
        expect("it is still empty", nothing_configured),
        snapshot("firstrun-80x24-dark"),
        press("l"),
        see("Nothing was found on this machine."),
        back(),
        see("w the ways on"),
        see_no("There are three ways on.", "check now"),
        press("w"),
        see("There are three ways on."),
    ],
)

_ADDING = Machine()
ADD: Final = Workflow(
    "a credential becomes a provider in use",
    [
        see("Add a credential"),
        press("a"),
        see("Whose credential?", "DEEPL_AUTH_KEY"),
        press("j", "j", "j", "enter"),
        see("Store OPENAI_API_KEY", "SecretService", "opens OpenAI"),
        enter(TYPED),
        see("•" * len(TYPED)),
        expect("nothing is stored yet", nothing_configured),
        snapshot("adding-a-key-120x40-dark"),
        see_no(TYPED),
        press("enter"),
        see("Adopt OpenAI?", "https://api.openai.com/v1", "config.toml"),
        is_true("the key is stored", lambda: _ADDING.stored["OPENAI_API_KEY"].reveal() == TYPED),
        is_true("nothing is adopted before the question is answered", lambda: _ADDING.adopted == []),
        press("y"),
        see("OpenAI is in use.", "healthy"),
        expect("it is in use", in_use("openai")),
        is_true("as it was shown", lambda: _ADDING.adopted == [("openai", OPENAI.base_url, "OPENAI_API_KEY")]),
        see_no("No provider yet."),
    ],
)

_FINDING = Machine(OLLAMA, OPENAI)
FOUND: Final = Workflow(
    "what was found here is used once it is adopted",
    [
        see("Use what was found here", "Ollama at 127.0.0.1:11434"),
        press("l"),
        see("Found on this machine.", "OPENAI_API_KEY from environment"),
        expect("nobody uses it", nothing_configured),
        snapshot("found-120x40-dark"),
        press("enter"),
        see("Adopt Ollama?"),
        press("n"),
        see_no("Adopt Ollama?"),
        is_true("a no is a no", lambda: _FINDING.adopted == []),
        press("enter"),
        see("Adopt Ollama?"),
        press("y"),
        expect("it is in use", in_use("ollama")),
        see("in use"),
        back(),
        see_no("No provider yet."),
        see("Ollama", "healthy"),
    ],
)

_CLOSED = Machine(
    OLLAMA, may={"set_secret": "needs the role super admin", "adopt_provider": "needs the role super admin"}
)
CLOSED: Final = Workflow(
    "a way that a role may not go says why",
    [
        see("There is one way on.", "Needs the role super admin."),
        do("the cursor is on the way that is open", lambda stage: _cursor_is_on(stage, "s")),
        expect("nobody uses anything", nothing_configured),
        snapshot("firstrun-admin-80x24-dark"),
        press("a"),
        see_no("Whose credential?"),
        press("l"),
        see("needs the role super admin"),
        is_true("nothing was done", lambda: _CLOSED.adopted == []),
    ],
    size=(80, 24),
)

_KEYLESS = Machine(keyring_problem="there is no keyring: install and start gnome-keyring")
KEYLESS: Final = Workflow(
    "without a keyring the first way says what to do",
    [
        see("There is no keyring: install and start gnome-keyring."),
        press("a"),
        see_no("Whose credential?"),
    ],
)

_ENTERING = Machine()
SANDBOX: Final = Workflow(
    "the sandbox takes the console's place",
    [
        see("Start the sandbox"),
        press("s"),
        expect("its names were handed over", lambda state: state.names == ("LibreTranslate", "OpenAI")),
        see("LibreTranslate", "sandbox"),
        expect("it is another console", in_use("libretranslate")),
        see_no("No provider yet."),
    ],
)

ALL: Final[Sequence[tuple[Workflow, Callable[[], App[Any]]]]] = (
    (EMPTY, lambda: terminal(Machine())),
    (ADD, lambda: terminal(_ADDING.anew())),
    (FOUND, lambda: terminal(_FINDING.anew())),
    (CLOSED, lambda: terminal(_CLOSED.anew())),
    (KEYLESS, lambda: terminal(_KEYLESS.anew())),
    (SANDBOX, lambda: terminal(_ENTERING.anew())),
)
