"""Pages follow what happens, part by part, without a reload."""

import re
from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs import changes
from jobs.domain.states import JobStatus
from jobs.models import Job, JobQueue
from jobs.services.setup.queues import update_queue
from jobs.services.writing.transition import transition
from tests.builders import a_definition, a_job, a_queue, an_attempt

pytestmark = pytest.mark.browser
Visit = Callable[[str], Page]
MARK = "document.querySelector('{}').marked = true; window.marked = true"


def test_a_row_changes_in_place_and_the_rest_of_the_page_stays(visit: Visit) -> None:
    job, other = a_job(status="RUNNABLE"), a_job(status="RUNNABLE")
    page = visit("/jobs/")
    row = page.locator(f"#job-{job.pk}")
    expect(row).to_contain_text("RUNNABLE")
    page.evaluate(MARK.format(f"#job-{job.pk}"))
    page.locator(f"#select-{other.pk}").check()
    page.locator("#filter-q").fill("half-typed")

    transition(job_ids=[job.pk], old=JobStatus.RUNNABLE, new=JobStatus.STARTING, now=timezone.now())

    expect(row).to_contain_text("STARTING")
    assert page.evaluate("window.marked")
    assert page.evaluate(f"document.querySelector('#job-{job.pk}').marked")
    expect(page.locator(f"#select-{other.pk}")).to_be_checked()
    expect(page.locator("#filter-q")).to_have_value("half-typed")
    expect(page.locator("#filter-q")).to_be_focused()


def test_a_new_job_comes_to_the_top_of_the_list(visit: Visit) -> None:
    first = a_job(name="first")
    page = visit("/jobs/")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.evaluate(MARK.format(f"#job-{first.pk}"))
    a_job(name="second")
    changes.publish([changes.JOBS])
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody tr").first).to_contain_text("second")
    assert page.evaluate(f"document.querySelector('#job-{first.pk}').marked")


def test_a_job_is_watched_from_waiting_to_its_end(visit: Visit) -> None:
    job = a_job(status="RUNNABLE", queue=a_queue(name="default"))
    page = visit(f"/jobs/{job.pk}/")
    page.evaluate("window.marked = true")
    step = page.locator("[aria-current=step]")
    expect(step).to_contain_text("RUNNABLE")
    before = JobStatus.RUNNABLE
    for status in (JobStatus.STARTING, JobStatus.RUNNING, JobStatus.SUCCEEDED):
        transition(job_ids=[job.pk], old=before, new=status, now=timezone.now())
        expect(step).to_contain_text(str(status))
        before = status
    expect(page.get_by_role("link", name="Terminate")).to_have_count(0)
    assert page.evaluate("window.marked")


def test_terminate_asks_in_a_dialog_that_survives_live_changes(visit: Visit) -> None:
    job = a_job(status="RUNNING", attempts_made=1)
    an_attempt(job=job, started_at=timezone.now())
    page = visit(f"/jobs/{job.pk}/")
    page.get_by_role("link", name="Terminate").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Reason").fill("wrong input")
    Job.objects.filter(pk=job.pk).update(cost_usd=1)
    with page.expect_response(re.compile(f"/jobs/{job.pk}/$")):
        changes.publish([changes.job_topic(job.pk)])
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Terminate").click()
    expect(page.locator(".bw-toast")).to_contain_text("told to stop")
    expect(page.locator("#job-state")).to_contain_text("wrong input")


def test_terminating_several_asks_first_and_enter_on_a_box_ends_nothing(visit: Visit) -> None:
    job = a_job(status="RUNNING", attempts_made=1)
    an_attempt(job=job, started_at=timezone.now())
    page = visit("/jobs/")
    box = page.locator(f"#select-{job.pk}")
    box.check()
    box.press("Enter")
    page.get_by_role("button", name="Terminate").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("link", name="Keep them").click()
    expect(dialog).to_be_hidden()
    expect(box).to_be_checked()
    assert not Job.objects.exclude(stop_requested_at=None).exists()
    page.get_by_role("button", name="Terminate").click()
    dialog.get_by_role("button", name="Terminate them").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Terminate 1 job")


def test_a_page_that_lost_its_stream_catches_up(visit: Visit, page: Page) -> None:
    job = a_job(status="RUNNABLE")
    # What it asks for when its stream begins must not be under way when the network goes.
    with page.expect_request_finished(lambda request: "x-live-regions" in request.headers):
        visit("/jobs/")
    row = page.locator(f"#job-{job.pk}")
    expect(row).to_contain_text("RUNNABLE")
    page.context.set_offline(True)
    Job.objects.filter(pk=job.pk).update(status="STARTING")
    page.context.set_offline(False)
    for viewer_connection in changes.redis_client().client_list(_type="pubsub"):
        changes.redis_client().client_kill(viewer_connection["addr"])
    expect(row).to_contain_text("STARTING")


def test_submitting_in_the_browser(visit: Visit) -> None:
    a_queue(name="default")
    a_definition(name="hello", command=["echo", "hello world"])
    page = visit("/submit/")
    page.get_by_label("Definition").select_option("hello")
    expect(page.get_by_label("Command")).to_have_value("echo 'hello world'")
    expect(page.locator("#estimate")).to_contain_text("per hour")
    page.get_by_label("vCPUs").fill("many")
    expect(page.locator("#error-vcpus")).to_contain_text("vCPUs are a number")
    page.get_by_label("vCPUs").fill("2")
    expect(page.locator("#error-vcpus")).to_be_empty()
    expect(page.locator("#estimate")).to_contain_text("2 vCPU")
    page.get_by_role("button", name="Add a variable").click()
    page.get_by_label("Variable's name").last.fill("MODE")
    page.get_by_label("Variable's value").last.fill("fast")
    page.get_by_label("Job name").fill("first")
    page.get_by_role("button", name="Submit job").click()
    expect(page.locator("h1")).to_have_text("first")
    job = Job.objects.get()
    assert (job.milli_vcpus, job.environment) == (2000, [{"name": "MODE", "value": "fast"}])


def test_enter_where_a_job_is_chosen_sends_nothing_and_a_refused_form_leads_to_what_is_wrong(
    visit: Visit,
) -> None:
    a_queue(name="default")
    a_definition(name="hello")
    page = visit("/submit/?definition=hello")
    page.get_by_text("Array and dependencies").click()
    page.get_by_role("button", name="Add a job to wait for").click()
    field = page.get_by_label("Job to wait for")
    field.fill("nothing")
    field.press("Enter")
    expect(page).to_have_url(re.compile("/submit/"))
    page.get_by_label("Job name").press("Enter")
    expect(page.locator("#error-depends_on p")).to_be_in_viewport()
    expect(field).to_be_focused()


def test_enter_in_a_field_submits_and_what_confirms_it_leaves_by_itself(visit: Visit) -> None:
    a_queue(name="default")
    a_definition(name="hello")
    page = visit("/submit/?definition=hello")
    page.clock.install()
    page.get_by_label("Job name").fill("by-keyboard")
    page.get_by_label("Job name").press("Enter")
    expect(page.locator("h1")).to_have_text("by-keyboard")
    toast = page.locator(".bw-toast")
    expect(toast).to_contain_text("is submitted")
    # The clock that ages it begins with the page's script.
    expect(page.locator("html.bw-js")).to_have_count(1)
    page.clock.run_for(21_000)
    expect(toast).to_have_count(0)


def test_the_theme_is_kept_and_the_slash_key_searches(visit: Visit) -> None:
    page = visit("/jobs/")
    html = page.locator("html")
    expect(html).to_have_attribute("data-bs-theme", "light")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(html).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(html).to_have_attribute("data-bs-theme", "dark")
    page.keyboard.press("/")
    expect(page.locator("#search-box")).to_be_focused()


def test_the_question_mark_shows_the_keys_but_not_while_one_types(visit: Visit) -> None:
    page = visit("/jobs/")
    keys = page.get_by_role("dialog", name="Keys")
    page.locator("#filter-q").press("?")
    expect(keys).to_be_hidden()
    page.locator("#filter-q").blur()
    page.keyboard.press("?")
    expect(keys).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.get_by_label("Account of ada").click()
    page.get_by_role("button", name="Shortcuts").click()
    expect(keys).to_be_visible()
    keys.get_by_role("button", name="Close").click()
    expect(keys).to_be_hidden()


def test_revoking_and_deregistering_ask_in_a_dialog(visit: Visit) -> None:
    a_definition(name="hello")
    page = visit("/definitions/hello/")
    page.get_by_role("link", name="Deregister").click()
    dialog = page.get_by_role("dialog", name="Deregister hello:1?")
    dialog.get_by_role("link", name="Keep it").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Deregister").click()
    dialog.get_by_role("button", name="Deregister").click()
    expect(page.locator(".bw-toast")).to_contain_text("takes no new jobs")

    page = visit("/access/tokens/")
    page.get_by_role("textbox", name="Name").fill("script")
    page.get_by_role("button", name="Make a token").click()
    page.get_by_role("link", name="Revoke script").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator(".bw-toast")).to_contain_text("script is revoked")


def test_a_new_access_key_fits_a_narrow_window_and_is_revoked_in_a_dialog(visit: Visit) -> None:
    page = visit("/access/keys/")
    page.set_viewport_size({"width": 390, "height": 800})
    page.get_by_role("textbox", name="Name").fill("laptop")
    page.get_by_role("button", name="Make an access key").click()
    expect(page.locator("#exports")).to_contain_text("export AWS_SECRET_ACCESS_KEY=")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("link", name="Revoke laptop").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator(".bw-toast")).to_contain_text("laptop is revoked")


def test_the_form_s_outlook_follows_what_is_typed(visit: Visit) -> None:
    a_queue(name="default")
    a_definition(name="hello")
    page = visit("/submit/?definition=hello")
    outlook = page.locator("#outlook")
    expect(outlook).to_contain_text("There is room")
    page.get_by_label("vCPUs").fill("64")
    expect(outlook).to_contain_text("It needs 64 vCPU")
    page.get_by_label("vCPUs").fill("1")
    expect(outlook).to_contain_text("There is room")


def test_the_head_of_a_queue_follows_what_others_do_to_it(visit: Visit) -> None:
    queue = a_queue(name="night")
    page = visit("/queues/night/")
    submit = page.get_by_role("link", name="Submit a job here")
    expect(submit).to_be_visible()
    page.get_by_role("link", name="Edit").focus()
    page.locator(".bw-menu summary").evaluate("summary => { summary.parentElement.open = true }")
    update_queue(queue=queue, fields={"state": "DISABLED"})
    expect(page.get_by_role("button", name="Enable")).to_be_visible()
    expect(submit).to_have_count(0)
    expect(page.get_by_role("link", name="Edit")).to_be_focused()
    expect(page.locator(".bw-menu-panel")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Delete")).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    update_queue(queue=queue, fields={"state": "ENABLED"})
    expect(submit).to_be_visible()
    expect(dialog).to_be_visible()
    dialog.get_by_role("link", name="Keep it").click()

    JobQueue.objects.update(state="DISABLED", status="DELETED")
    changes.publish([changes.QUEUES])
    expect(page.get_by_text("This is gone.")).to_be_visible()
    for words in ("Submit a job here", "Edit", "Delete"):
        expect(page.get_by_role("link", name=words)).to_be_hidden()
    expect(page.get_by_role("button", name="Disable")).to_be_hidden()
    expect(page.get_by_text("VALID", exact=True)).to_be_hidden()
