"""A plugin of somebody else's, installed with pip and seen without any change to the project."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.limit(90)  # pip fetches the build backend first

PYPROJECT = """
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "acme-console-plugin"
version = "2.3.4"

[project.entry-points."provider_console.plugins"]
acme = "acme_console_plugin"

[tool.hatch.build.targets.wheel]
packages = ["acme_console_plugin"]
"""

MODULE = """
from provider_console.sdk import (
    Driver, Field, OperationKind, ProbeResult, ProviderDescriptor, Result, Rung, Source, hookimpl,
)


class Found(Source):
    name = "acme"

    async def discover(self):
        return [ProviderDescriptor(id="acme", driver="acme_wire", base_url="http://127.0.0.1:9", network="loopback")]


class Wire(Driver):
    name = "acme_wire"
    title = "Acme"
    categories = ("acme",)
    credential = "none"
    capabilities = ("shouting",)
    rungs = (Rung(name="reach", proves="it answers"),)

    async def call(self, call):
        answer = await call.http.request("POST", f"{call.provider.base_url}/shout", json=call.operation.payload)
        return Result(value=answer.json())

    async def probe(self, call):
        await call.http.request("GET", f"{call.provider.base_url}/alive")
        return ProbeResult(rung="reach")


class Shout(OperationKind):
    name = "shout"
    title = "Shout"
    category = "acme"
    fields = (Field(name="text", label="Text", required=True),)

    def capabilities(self, payload):
        return ("shouting",)


@hookimpl
def provider_console_sources():
    return [Found()]


@hookimpl
def provider_console_drivers():
    return [Wire()]


@hookimpl
def provider_console_operations():
    return [Shout()]
"""

LOOK = """
import asyncio, json
from provider_console.engine.plugins import discover
from provider_console.testing.fakes import FakeContext
troubles = []
plugins = discover((), on_trouble=troubles.append).start(lambda name: FakeContext(plugin=name))
view = next(view for view in plugins.views() if view.name == NAME)
found = asyncio.run(plugins.sources[NAME].discover())
print(json.dumps({
    "package": view.package, "version": view.version, "state": view.state, "sources": view.sources,
    "drivers": view.drivers, "operations": view.operations, "settings": view.settings,
    "found": [descriptor.id for descriptor in found], "section": dict(plugins.driver_section),
    "troubles": [trouble.reason for trouble in troubles],
}))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A plugin's project in a folder of its own."""
    folder = tmp_path / "acme"
    (folder / "acme_console_plugin").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "acme_console_plugin" / "__init__.py").write_text(MODULE)
    return folder


def test_an_installed_plugin_is_seen_without_any_change(project, install, run_beside):
    target = install(project)

    seen = json.loads(run_beside(target, "-c", f"NAME = 'acme'\n{LOOK}"))

    assert (seen["package"], seen["version"], seen["state"]) == ("acme-console-plugin", "2.3.4", "loaded")
    assert (seen["sources"], seen["drivers"], seen["operations"]) == (["acme"], ["acme_wire"], ["shout"])
    assert seen["found"] == ["acme"]
    assert seen["troubles"] == []


def test_the_template_builds_installs_loads_and_passes_its_own_tests(root, tmp_path, install, run_beside):
    copied = tmp_path / "template"
    shutil.copytree(root / "plugins" / "template", copied, ignore=shutil.ignore_patterns("__pycache__"))
    target = install(copied)

    seen = json.loads(run_beside(target, "-c", f"NAME = 'template'\n{LOOK}"))
    passed = run_beside(target, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=copied)

    assert (seen["package"], seen["state"], seen["troubles"]) == ("provider-console-template", "loaded", [])
    assert (seen["sources"], seen["drivers"]) == (["template"], ["template"])
    assert (seen["operations"], seen["settings"]) == (["template_summarise"], ["template"])
    assert seen["section"]["template"] == "template"
    assert " passed" in passed
