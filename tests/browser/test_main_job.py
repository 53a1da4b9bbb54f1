"""What people do, in a real browser, on a whole installation with real containers."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.images import busybox_image
from tests.installation import PASSWORD, Installation

pytestmark = [pytest.mark.browser, pytest.mark.processes]

# A container starts in a second or two, on a busy machine in a few more.
PATIENCE_MS = 30_000
ENDLESS = (
    'sh -c \'trap "echo asked to stop; exit 143" TERM; '
    "n=0; while :; do n=$((n+1)); echo tick $n; sleep 0.2; done'"
)


@pytest.fixture(scope="module")
def installation(docker_engine_url: str) -> Iterator[Installation]:
    environment = {"BATCHWEB_STOP_GRACE_SECONDS": "3"}
    with Installation(image=busybox_image(docker_engine_url), environment=environment) as running:
        yield running


@pytest.fixture
def logged_in(page: Page, installation: Installation) -> Page:
    page.set_default_timeout(PATIENCE_MS)
    page.goto(installation.url)
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    return page


def submit(page: Page, installation: Installation, *, command: str) -> None:
    """Submits a job of the hello definition by the form, and ends on the job's page."""
    page.goto(f"{installation.url}/submit/")
    page.get_by_label("Definition").select_option("hello")
    expect(page.get_by_label("Job name")).to_have_value("hello")
    page.get_by_label("Command").fill(command)
    expect(page.locator("#estimate")).to_contain_text("$")
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_label("States")).to_be_visible()
    # A mark that a full reload would wipe out.
    page.evaluate("window.notReloaded = true")


def steps_done(page: Page) -> list[str]:
    return [
        step.locator(".bw-step-name").inner_text()
        for step in page.get_by_label("States").get_by_role("listitem").all()
        if step.locator(".bw-step-time").inner_text().strip()
    ]


def test_a_job_is_submitted_and_watched_to_its_end_without_a_reload(
    logged_in: Page, installation: Installation
) -> None:
    page = logged_in
    submit(page, installation, command='sh -c "echo first; sleep 3; echo last"')
    log = page.get_by_role("log")
    expect(log).to_contain_text("first", timeout=PATIENCE_MS)
    current = page.locator("[aria-current=step] .bw-step-name")
    expect(current).to_have_text("SUCCEEDED", timeout=PATIENCE_MS)
    expect(log).to_contain_text("last")
    assert steps_done(page) == ["SUBMITTED", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    expect(page.locator("#attempt-1, [id^=attempt-]").first).to_contain_text("exit 0")
    expect(page.get_by_label("Cost", exact=True)).to_contain_text("$0.00")
    assert page.evaluate("window.notReloaded") is True


def test_log_lines_appear_live_and_terminate_ends_the_job(
    logged_in: Page, installation: Installation
) -> None:
    page = logged_in
    submit(page, installation, command=ENDLESS)
    log = page.get_by_role("log")
    expect(log).to_contain_text("tick 3", timeout=PATIENCE_MS)
    expect(log).to_contain_text("tick 10", timeout=PATIENCE_MS)
    assert page.evaluate("window.notReloaded") is True

    page.get_by_role("link", name="Terminate").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("seen enough")
    dialog.get_by_role("button", name="Terminate").click()
    current = page.locator("[aria-current=step] .bw-step-name")
    expect(current).to_have_text("FAILED", timeout=PATIENCE_MS)
    expect(page.locator("#why-failed")).to_contain_text("seen enough")
    expect(page.get_by_role("log")).to_contain_text("asked to stop")


def test_lists_overview_and_the_environments_use_follow_live(
    logged_in: Page, installation: Installation
) -> None:
    page = logged_in
    page.goto(f"{installation.url}/jobs/?name=followed")
    page.evaluate("window.notReloaded = true")
    job_id = installation.submit("followed", command="sleep 600")
    row = page.get_by_role("row").filter(has_text="followed")
    expect(row).to_contain_text("RUNNING", timeout=PATIENCE_MS)
    assert page.evaluate("window.notReloaded") is True

    page.goto(f"{installation.url}/environments/local/")
    page.evaluate("window.notReloaded = true")
    used = page.locator("main")
    expect(used).to_contain_text("0.25 of")
    installation.post(f"/jobs/{job_id}/terminate/", reason="done")
    # `sleep` is the container's first process and does not heed SIGTERM: the grace time is for it.
    expect(used).to_contain_text("0 of", timeout=PATIENCE_MS)
    assert page.evaluate("window.notReloaded") is True


def test_the_failed_child_of_an_array_is_found_in_the_grid_and_run_again(
    logged_in: Page, installation: Installation
) -> None:
    page = logged_in
    command = "sh -c 'echo I am $AWS_BATCH_JOB_ARRAY_INDEX; test $AWS_BATCH_JOB_ARRAY_INDEX != 2'"
    array_id = installation.submit("shards", command=command, array_size="4", vcpus="0.25")
    page.goto(f"{installation.url}/jobs/{array_id}/")
    page.evaluate("window.notReloaded = true")
    current = page.locator("[aria-current=step] .bw-step-name")
    expect(current).to_have_text("FAILED", timeout=PATIENCE_MS)
    expect(page.locator("[data-grid]")).to_have_attribute("data-grid", "5565")
    assert page.evaluate("window.notReloaded") is True
    failures = page.get_by_role("region", name="Why children failed")
    expect(failures).to_contain_text("Exit code 1")
    failures.get_by_role("link", name="2", exact=True).click()
    expect(page.get_by_role("log")).to_contain_text("I am 2")
    page.get_by_role("link", name="Array of 4").click()
    page.get_by_role("button", name="Rerun failed children").click()
    expect(page.locator("[data-grid]")).to_have_attribute(
        "data-grid", re.compile(r"\.\.\d\."), timeout=PATIENCE_MS
    )
    expect(page.get_by_role("region", name="What runs")).to_contain_text("Rerun of")
    expect(current).to_have_text("FAILED", timeout=PATIENCE_MS)
    expect(page.locator("[data-grid]")).to_have_attribute("data-grid", "..6.")


def test_each_container_of_a_job_shows_its_own_log(
    logged_in: Page, installation: Installation
) -> None:
    page = logged_in
    image = installation.get("/definitions/hello/")["image"]
    needs = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "64"}]
    containers = [
        {
            "name": name,
            "image": image,
            "command": ["sh", "-c", f"echo this is {name}"],
            "resourceRequirements": needs,
            **more,
        }
        for name, more in (
            ("init", {"essential": False}),
            ("main", {"dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]}),
        )
    ]
    properties = {"taskProperties": [{"containers": containers}]}
    installation.post("/definitions/", name="pair", ecs_properties=json.dumps(properties))
    job_id = installation.submit("pair", definition="pair")
    page.goto(f"{installation.url}/jobs/{job_id}/")
    current = page.locator("[aria-current=step] .bw-step-name")
    expect(current).to_have_text("SUCCEEDED", timeout=PATIENCE_MS)
    tabs = page.get_by_role("navigation", name="Containers of this attempt")
    tabs.get_by_role("link", name="init").click()
    expect(page.get_by_role("log")).to_contain_text("this is init")
    tabs.get_by_role("link", name="main").click()
    expect(page.get_by_role("log")).to_contain_text("this is main")


def test_many_waiting_jobs_are_cancelled_at_once(
    logged_in: Page, installation: Installation
) -> None:
    page = logged_in
    for _ in range(3):
        installation.submit("too-large", memory_mib="9000000")
    page.goto(f"{installation.url}/jobs/?name=too-large")
    page.get_by_label("All on this page").check()
    page.get_by_role("button", name="Cancel waiting").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancel 3 jobs")
    expect(page.locator("#bulk-state")).to_contain_text("Done. 3 of 3", timeout=PATIENCE_MS)
    page.goto(f"{installation.url}/jobs/?name=too-large&status=FAILED")
    expect(page.locator("tbody tr")).to_have_count(3)
