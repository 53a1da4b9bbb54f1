"""Commands of several lines in a real browser, which sends each line end as CR LF."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from jobs.models import Job, JobDefinition
from jobs.services.setup.seed import CHECKPOINT_SCRIPT
from tests.builders import a_definition, a_queue

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]
COMMAND = ["sh", "-c", CHECKPOINT_SCRIPT, "checkpoint", "Ref::steps"]


@pytest.fixture
def definition(transactional_db: None) -> JobDefinition:
    return a_definition(name="checkpoint", command=COMMAND, parameters={"steps": "30"})


@pytest.mark.usefixtures("definition")
def test_a_job_submitted_as_it_is_and_its_clone_run_what_the_definition_says(visit: Visit) -> None:
    a_queue(name="default")
    page = visit("/submit/")
    page.get_by_label("Definition").select_option("checkpoint")
    expect(page.get_by_label("Job name")).to_have_value("checkpoint")
    page.get_by_role("button", name="Submit job").last.click()
    expect(page.get_by_label("States")).to_be_visible()
    page.get_by_role("link", name="Clone").click()
    page.get_by_role("button", name="Submit job").last.click()
    expect(page.get_by_label("States")).to_be_visible()
    assert [job.command for job in Job.objects.all()] == [[*COMMAND[:-1], "30"]] * 2


def test_a_revision_saved_unchanged_is_the_same(visit: Visit, definition: JobDefinition) -> None:
    page = visit(f"/new/definition/?from={definition}")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("is registered")).to_be_visible()
    new = JobDefinition.objects.get(revision=2)
    assert (new.command, new.parameters) == (COMMAND, {"steps": "30"})
