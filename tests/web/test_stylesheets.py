"""Stylesheets and templates go together: no rule for what nobody draws, no class that says nothing."""

import re
from collections.abc import Iterable
from pathlib import Path

from jobs.models import JobStatus

ROOT = Path(__file__).parents[2]
CLASS = re.compile(r"\bbw-[a-z0-9-]*")
SELECTED = re.compile(r"\.(bw-[a-z0-9-]+)")
# What is made of a prefix and a value, such as `bw-{{ job.status|lower }}`.
OF_STATUSES = {f"bw-{status.lower()}" for status in JobStatus.values}


def words(pattern: re.Pattern[str], folder: Path, ending: str) -> set[str]:
    texts = (path.read_text() for path in folder.rglob(f"*{ending}"))
    return {word for text in texts for word in pattern.findall(text)}


def begins_with_one_of(name: str, known: Iterable[str]) -> bool:
    return any(name.startswith(each) for each in known if each.endswith("-") and each != "bw-")


def test_every_class_has_a_rule_or_a_script_and_every_rule_something_that_is_drawn() -> None:
    ruled = words(SELECTED, ROOT / "static" / "css", ".css")
    scripts = words(CLASS, ROOT / "static" / "js", ".js")
    drawn = words(CLASS, ROOT / "templates", ".html")
    made = words(CLASS, ROOT / "jobs", ".py") | scripts
    known = drawn | made | OF_STATUSES
    assert {name for name in ruled - known if not begins_with_one_of(name, known)} == set()
    assert {name for name in drawn - ruled - scripts if not name.endswith("-")} == set()
