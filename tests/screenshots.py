"""Pictures of every page, light and dark, wide and narrow, and those of the README.

    script/screenshots [FOLDER]

Runs a whole installation with a little work on it and a month of made-up history. Without FOLDER it writes
docs/screenshots, where only the README's pictures are kept.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, ViewportSize, sync_playwright

from tests.chromium import chromium_path
from tests.images import busybox_image
from tests.installation import PASSWORD, ROOT, Installation, wait_until

WIDE: ViewportSize = {"width": 1360, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at; `ending` is that of the picture's name."""

    ending: str
    size: ViewportSize
    is_dark: bool


LOOKS = (
    Look("", WIDE, False),
    Look("-dark", WIDE, True),
    Look("-narrow", NARROW, False),
    Look("-narrow-dark", NARROW, True),
)
CHARTS_ARE_READ = """() => [...document.querySelectorAll("[data-chart-plot]")]
    .every((each) => each.role === "slider")"""
# In the first of them the page is laid out anew, in the next what follows its size is drawn.
FRAMES_PASS = """() => new Promise((done) => {
    const next = (left) => requestAnimationFrame(() => (left ? next(left - 1) : done()));
    next(3);
})"""
# What the README shows.
KEPT = frozenset({"job", "overview", "monitoring"})
# Busy about half of the time, so that there is something to see of what it uses.
RENDER = (
    'sh -c "for i in $(seq 1 2000); do echo rendering frame $i of 2000; '
    'dd if=/dev/zero bs=1M count=60 2>/dev/null | md5sum >/dev/null; sleep 0.2; done"'
)

TILES = "sh -c 'echo tile $AWS_BATCH_JOB_ARRAY_INDEX; test $((AWS_BATCH_JOB_ARRAY_INDEX % 7)) != 5'"
SHARDS = "sh -c 'echo shard $AWS_BATCH_JOB_ARRAY_INDEX; sleep 2'"
HISTORY = "from tests.shown_history import write; write()"


def work(installation: Installation) -> dict[str, str]:
    """Jobs in several states and what they are on; what the pages of the pictures are about, by name."""
    set_up(installation)
    done = [installation.submit(f"frame-{number:03}", command="echo done") for number in range(6)]
    failed = installation.submit("simulate", definition="fail")
    kept = installation.submit("train-small", definition="checkpoint", parameters="steps=3")
    tiles = installation.submit("tiles", command=TILES, array_size="24", vcpus="0.25")
    register_pair(installation)
    for job_id in [*done, failed, kept, tiles]:
        installation.wait_for(job_id, seconds=180)
    installation.manage("shell", "--no-imports", "-c", HISTORY)
    # Before others take the room.
    on_spot = installation.submit("sweep", queue="spot", command="sleep 1800", vcpus="0.25")
    installation.wait_for(on_spot, "RUNNING", seconds=120)
    running = installation.submit(
        "render-scene", definition="count", command=RENDER, vcpus="1", memory_mib="512"
    )
    installation.wait_for(running, "RUNNING")
    pair = installation.submit("serve", definition="pair")
    shards = installation.submit(
        "shards", command=SHARDS, array_size="400", queue="nightly", vcpus="0.25"
    )
    film = installation.submit(
        "film", depends_on=json.dumps([{"job_id": shards}, {"job_id": pair}]), timeout_seconds="600"
    )
    installation.submit("publish", depends_on=json.dumps([{"job_id": film}]))
    installation.submit("train-model", command="sleep 900", vcpus="0.75", queue="nightly")
    waiting = installation.submit("merge-frames", command="echo merged", vcpus="1")
    huge = installation.submit("assemble-genome", command="true", memory_mib="900000")
    names = ("running", "failed", "waiting", "huge", "tiles", "shards", "film", "pair", "kept")
    ids = (running, failed, waiting, huge, tiles, shards, film, pair, kept)
    return {**dict(zip(names, ids, strict=True)), **others(installation)}


def set_up(installation: Installation) -> None:
    """Queues, a policy, a resource, a secret, a login, a budget, an alarm, and an environment of Spot instances."""
    installation.post("/queues/", name="nightly", priority="5", environments="local")
    installation.post(
        "/policies/",
        name="teams",
        share_decay_seconds="3600",
        compute_reservation="20",
        share_distribution='[{"shareIdentifier": "blue", "weightFactor": 0.5}]',
    )
    installation.post("/queues/", name="research", environments="local", scheduling_policy="teams")
    installation.post("/resources/", name="licences", total_quantity="10")
    installation.post("/secrets/", name="db/password", value="not shown anywhere")
    installation.post(
        "/registries/", prefix="registry.example.com/lab", username="robot", password="not shown"
    )
    installation.post(
        "/access/policies/",
        name="students",
        description="No privileged containers.",
        document='{"Version": "2012-10-17", "Statement": {"Sid": "NoPrivilegedContainers", "Effect": "Deny", '
        '"Action": ["batch:SubmitJob", "batch:RegisterJobDefinition"], "Resource": "*", '
        '"Condition": {"Bool": {"batch:Privileged": "true"}}}}',
    )
    installation.post(
        "/budgets/", name="nightly", scope="QUEUE", queue="nightly", usd_per_month="500"
    )
    installation.post(
        "/alarms/",
        name="queue-too-long",
        metric="WAITING_JOBS",
        comparison="GREATER_THAN",
        threshold="30",
        period_minutes="5",
        periods="2",
        is_enabled="true",
    )
    installation.post(
        "/event-rules/",
        name="failures",
        tell_of="JOBS",
        statuses="FAILED",
        target_kind="WEBHOOK",
        # Nothing listens there, and its page says so.
        address="http://127.0.0.1:9/hook",
        is_enabled="true",
    )
    installation.post(
        "/instance-types/",
        name="rack.small",
        vcpus="0.5",
        memory_mib="512",
        usd_per_hour="0.02",
        spot_usd_per_hour="0.008",
    )
    members = {
        "type": "SPOT",
        "maxvCpus": 2,
        "minvCpus": 0,
        "instanceTypes": ["rack.small"],
        "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED",
        "subnets": ["subnet-1"],
        "securityGroupIds": ["sg-1"],
        "instanceRole": "role",
    }
    environment = {"name": "spot", "engine": "local", "type": "MANAGED"}
    installation.post_json("/environments/", {**environment, "compute_resources": members})
    installation.post("/queues/", name="spot", priority="1", environments="spot")


def others(installation: Installation) -> dict[str, str]:
    """What else has a page of its own: a bulk action, a run that was measured, an instance."""
    chosen = [installation.submit(f"draft-{number}", memory_mib="900000") for number in range(3)]
    bulk = installation.post_json("/jobs/bulk/", {"action": "cancel", "job": chosen})
    rows = installation.get("/environments/spot/")["instances"]
    run = installation.get("/right-sizing/count/")["runs"][0]
    return {"bulk": str(bulk["id"]), "instance": rows[0]["instance_id"], "run": str(run["attempt"])}


def register_pair(installation: Installation) -> None:
    """A definition of two containers, the second of which waits for the first."""
    image = installation.get("/definitions/hello/")["image"]
    needs = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "64"}]
    both = {"image": image, "resourceRequirements": needs}
    containers = [
        {"name": "warm-up", "command": ["echo", "the cache is warm"], "essential": False, **both},
        {
            "name": "server",
            "command": ["sh", "-c", "echo serving on port 80; sleep 900"],
            "dependsOn": [{"containerName": "warm-up", "condition": "SUCCESS"}],
            "readonlyRootFilesystem": True,
            "linuxParameters": {"tmpfs": [{"containerPath": "/run", "size": 16}]},
            **both,
        },
    ]
    properties = json.dumps({"taskProperties": [{"containers": containers}]})
    for tags in ("team=blue", "team=red"):
        installation.post("/definitions/", name="pair", ecs_properties=properties, tags=tags)


def pages(shown: Mapping[str, str]) -> dict[str, str]:
    """The path of each picture's page, by the picture's name; `shown` names what the pages are about.

    The first is the form to log in: all others need that.
    """
    return {**_pages_of_jobs(shown), **_pages_of_lists(shown), **_pages_of_people()}


def _pages_of_jobs(shown: Mapping[str, str]) -> dict[str, str]:
    tiles, failed = shown["tiles"], shown["failed"]
    return {
        "login": "/login/",
        "overview": "/",
        "jobs": "/jobs/",
        "jobs-failed": "/jobs/?status=FAILED",
        "search": "/search/?q=frame",
        "job": f"/jobs/{shown['running']}/",
        "job-failed": f"/jobs/{failed}/",
        "job-waiting": f"/jobs/{shown['waiting']}/",
        "job-huge": f"/jobs/{shown['huge']}/",
        "job-pending": f"/jobs/{shown['film']}/",
        "job-containers": f"/jobs/{shown['pair']}/",
        "job-api": f"/jobs/{failed}/api/",
        "job-terminate": f"/jobs/{shown['running']}/terminate/",
        "job-log": f"/jobs/{shown['running']}/attempts/1/log/",
        "job-checkpoint": f"/jobs/{shown['kept']}/checkpoint/",
        "job-checkpoint-delete": f"/jobs/{shown['kept']}/checkpoint/delete/",
        "array": f"/jobs/{shown['shards']}/",
        "array-failed": f"/jobs/{tiles}/",
        "array-child": f"/jobs/{tiles}:5/",
        "array-timeline": f"/jobs/{tiles}/timeline/",
        "bulk": f"/jobs/bulk/{shown['bulk']}/",
        "bulk-list": "/jobs/bulk/",
        "submit": "/submit/?definition=count",
        "submit-array": f"/submit/?again={tiles}",
        "submit-containers": "/submit/?definition=pair",
    }


def _pages_of_lists(shown: Mapping[str, str]) -> dict[str, str]:
    run = shown["run"]
    return {
        "definitions": "/definitions/",
        "definition": "/definitions/hello/",
        "definition-containers": "/definitions/pair/",
        "definition-form": "/new/definition/?from=hello",
        "definition-compare": "/definitions/pair/compare/?old=1&new=2",
        "definition-deregister": "/definitions/hello/1/deregister/",
        "queues": "/queues/",
        "queue": "/queues/default/",
        "queue-fair": "/queues/research/",
        "queue-form": "/new/queue/",
        "queue-edit": "/queues/research/edit/",
        "queue-delete": "/queues/research/delete/",
        "policies": "/policies/",
        "policy": "/policies/teams/",
        "policy-form": "/new/policy/",
        "policy-edit": "/policies/teams/edit/",
        "resources": "/resources/",
        "resource": "/resources/licences/",
        "resource-form": "/new/resource/",
        "environments": "/environments/",
        "environment": "/environments/local/",
        "environment-managed": "/environments/spot/",
        "environment-form": "/new/environment/",
        "environment-edit": "/environments/local/edit/",
        "environment-delete": "/environments/local/delete/",
        "instance": f"/instances/{shown['instance']}/",
        "instance-types": "/instance-types/",
        "instance-type": "/instance-types/m6i.large/",
        "instance-type-form": "/new/instance-type/",
        "instance-type-edit": "/instance-types/m6i.large/edit/",
        "costs": "/costs/",
        "budgets": "/budgets/",
        "budget": "/budgets/nightly/",
        "budget-form": "/new/budget/",
        "budget-edit": "/budgets/nightly/edit/",
        "right-sizing": "/right-sizing/",
        "right-sizing-of": "/right-sizing/count/",
        "right-sizing-run": f"/right-sizing/count/{run}/",
        "monitoring": "/monitoring/",
        "alarms": "/alarms/",
        "alarm": "/alarms/queue-too-long/",
        "alarm-form": "/new/alarm/",
        "alarm-edit": "/alarms/queue-too-long/edit/",
        "events": "/events/",
        "event-rules": "/event-rules/",
        "event-rule": "/event-rules/failures/",
        "event-rule-form": "/new/event-rule/",
        "event-rule-edit": "/event-rules/failures/edit/",
        "event-rule-secret": "/event-rules/failures/secret/",
        "event-rule-delete": "/event-rules/failures/delete/",
    }


def _pages_of_people() -> dict[str, str]:
    return {
        "registries": "/registries/",
        "registry": "/registries/1/",
        "registry-delete": "/registries/1/delete/",
        "secrets": "/secrets/",
        "secret": "/secrets/1/",
        "secret-delete": "/secrets/1/delete/",
        "tokens": "/access/tokens/",
        "token-revoke": "/access/tokens/1/revoke/",
        "access-keys": "/access/keys/",
        "access-key-revoke": "/access/keys/1/revoke/",
        "access": "/access/",
        "access-policies": "/access/policies/",
        "access-policy-new": "/access/policies/new/",
        "access-policy-check": "/access/policies/check/",
        "access-policy": "/access/policies/1/",
        "access-policy-edit": "/access/policies/1/edit/",
        "access-policy-delete": "/access/policies/1/delete/",
        "audit": "/access/audit/",
        "docs-api": "/docs/api/",
        "docs-events": "/docs/events/",
    }


def log_in(page: Page) -> None:
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def go(page: Page, url: str) -> None:
    """Goes there, once more as long as Chromium gives up because a container brought or took a network."""

    def has_come() -> bool:
        try:
            page.goto(url)
        except Error as error:
            if not any(sign in error.message for sign in ("ERR_NETWORK_CHANGED", "chrome-error:")):
                raise
            return False
        return True

    wait_until(has_come, seconds=60, what=url)


def open_page(page: Page, url: str, *, with_chart: bool) -> None:
    """Goes there and waits for what scripts draw; `with_chart`: until there is enough to draw one of."""

    def has_chart() -> bool:
        go(page, url)
        return not with_chart or page.locator("[data-chart]").count() > 0

    wait_until(has_chart, seconds=90, what=f"a chart on {url}", interval=1)
    page.wait_for_load_state("load")
    page.wait_for_function(CHARTS_ARE_READ)
    if page.locator("[data-log]").count():
        # Its lines come by a stream, and nothing says that those were all.
        page.wait_for_timeout(700)


def take(page: Page, look: Look, path: Path, *, whole: bool) -> None:
    """Takes a picture of the page as it is, which follows the theme and the width by itself."""
    page.emulate_media(color_scheme="dark" if look.is_dark else "light", reduced_motion="reduce")
    page.set_viewport_size(look.size)
    page.evaluate(FRAMES_PASS)
    page.screenshot(path=path, full_page=whole)


def main() -> None:
    everything = len(sys.argv) > 1
    folder = Path(sys.argv[1]) if everything else ROOT / "docs" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        Installation(image=busybox_image("")) as installation,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        shown = pages(work(installation))
        draw(browser, installation.url, shown, folder, everything=everything)
        browser.close()


def draw(
    browser: Browser, url: str, shown: dict[str, str], folder: Path, *, everything: bool
) -> None:
    """Each page is opened once, wide and light, for all of its pictures."""
    looks = LOOKS if everything else LOOKS[:2]
    page = browser.new_page()
    for name, path in shown.items():
        if everything or name in KEPT:
            page.set_viewport_size(WIDE)
            open_page(page, url + path, with_chart=name in KEPT)
            for look in looks:
                take(page, look, folder / f"{name}{look.ending}.png", whole=everything)
        if name == "login":
            go(page, url)
            log_in(page)


if __name__ == "__main__":
    main()
