"""The built wheel holds everything that the checkout has, and works without it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

SOURCES = {
    "provider_console": "src/provider_console",
    "provider_console_dynamic_ai": "plugins/dynamic_ai/src/provider_console_dynamic_ai",
    "provider_console_system_secrets": "plugins/system_secrets/src/provider_console_system_secrets",
    "provider_console_translation": "plugins/translation/src/provider_console_translation",
}

LOOK = """
import json, provider_console
from provider_console.engine.plugins import discover
registry = discover((), on_trouble=lambda trouble: None)
views = {view.name: [view.state, view.package] for view in registry.views()}
print(json.dumps([provider_console.__file__, views]))
"""


def files(folder: Path) -> set[str]:
    """Relative paths of what is no cache."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


@pytest.fixture(scope="module")
def before(root: Path) -> dict[str, set[str]]:
    """What there was when the build began."""
    return {package: files(root / folder) for package, folder in {**SOURCES, "themes": "themes"}.items()}


@pytest.fixture(scope="module")
def contents(before, wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("package", SOURCES)
def test_every_file_of_a_package_travels(root, before, contents, package):
    # Both looks, so that a file that comes or goes during the build is nobody's failure.
    there = before[package] & files(root / SOURCES[package])

    assert "__init__.py" in there
    assert {f"{package}/{name}" for name in there} <= contents


def test_the_schema_travels(contents):
    schema = {name for name in contents if name.startswith("provider_console/adapters/sqlite/schema/")}

    assert any(name.endswith("/console/0001_start.sql") for name in schema)
    assert any(name.endswith("/audit/0001_start.sql") for name in schema)


def test_the_themes_travel(root, before, contents):
    there = before["themes"] & files(root / "themes")

    assert {f"provider_console/themes/{name}" for name in there} <= contents


def test_types_travel(contents):
    assert "provider_console/py.typed" in contents


def test_the_template_travels_with_its_tests(root, contents):
    there = files(root / "plugins" / "template")

    assert "tests/test_conformance.py" in there
    assert {f"provider_console/template/{name}" for name in there} <= contents
    assert not any("__pycache__" in name for name in contents)


def test_the_consoles_own_tests_do_not_travel(contents):
    tops = {name.partition("/")[0] for name in contents}

    assert {top for top in tops if not top.endswith(".dist-info")} == set(SOURCES)
    assert not any("/tests/" in name for name in contents if "/template/" not in name)


def test_the_entry_points_travel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        text = archive.read(name).decode()

    assert "provider-console = provider_console.cli:main" in text
    for plugin in ("dynamic_ai", "system_secrets", "translation"):
        assert f"{plugin} = provider_console_{plugin}" in text


@pytest.mark.limit(90)
def test_an_installed_wheel_finds_its_own_plugins(wheel, install, run_beside):
    target = install(wheel)

    file, views = json.loads(run_beside(target, "-c", LOOK))

    assert Path(file).is_relative_to(target)
    for plugin in ("dynamic_ai", "system_secrets", "translation"):
        assert views[plugin] == ["loaded", "provider-console"]
