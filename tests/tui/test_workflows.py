"""The console as it is used: workflows on a moment that stands still, their pictures beside the accepted ones.

`pytest tests/tui/test_workflows.py --snapshot-update` accepts new pictures; look at them first (`make screenshots`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from tests.tui.workflows import WORKFLOWS
from textual.app import App

from provider_console.testing.workflow import Workflow, play, unproven

ACCEPTED = Path(__file__).parent / "__snapshots__"


pytestmark = pytest.mark.usefixtures("utc")


@pytest.mark.parametrize(("workflow", "app"), [pytest.param(*each, id=each[0].name) for each in WORKFLOWS])
async def test_a_workflow(
    workflow: Workflow, app: Callable[[], App[Any]], snapshot: SnapshotAssertion, tmp_path: Path
) -> None:
    accepted = snapshot.use_extension(SVGImageExtension)
    pictures = await play(workflow, app())

    differ = [name for name, picture in pictures.items() if accepted(name=name) != picture]
    for name in differ:
        (tmp_path / f"{name}.svg").write_text(pictures[name], "utf-8")
    assert not differ, f"look at {', '.join(differ)} in {tmp_path}; --snapshot-update accepts them"
    assert tuple(pictures) == workflow.snapshots


def test_every_snapshot_comes_after_a_claim_about_the_state() -> None:
    assert [name for workflow, _app in WORKFLOWS for name in unproven(workflow)] == []


def test_every_accepted_picture_belongs_to_a_workflow_and_no_two_are_equal() -> None:
    named = Counter(name for workflow, _app in WORKFLOWS for name in workflow.snapshots)
    assert max(named.values()) == 1
    files = {file.stem.rpartition("[")[2].rstrip("]"): file for file in ACCEPTED.rglob("*.svg")}
    assert sorted(files) == sorted(named)
    seen: dict[bytes, str] = {}
    for name, file in files.items():
        other = seen.setdefault(file.read_bytes(), name)
        assert other == name, f"{name} looks like {other}"


def test_every_picture_is_of_the_theme_that_its_name_says() -> None:
    papers = {"dark": "#0f1216", "light": "#fbfaf7"}
    for file in ACCEPTED.rglob("*.svg"):
        name = file.stem.rpartition("[")[2].rstrip("]")
        drawn = file.read_text("utf-8").lower()
        seen = [theme for theme, paper in papers.items() if paper in drawn]
        assert seen == [theme for theme in papers if name.endswith(theme)], name
