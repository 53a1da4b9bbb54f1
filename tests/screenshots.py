"""Pictures of every page, light and dark, wide and narrow, and those of the README.

    python -m tests.screenshots [FOLDER]

Runs a whole installation with a little work on it. Without FOLDER it writes docs/screenshots, where
only the README's pictures are kept.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.chromium import chromium_path
from tests.images import busybox_image
from tests.installation import PASSWORD, ROOT, Installation

WIDE = {"width": 1360, "height": 900}
NARROW = {"width": 390, "height": 844}
RENDER = 'sh -c "for i in $(seq 1 400); do echo rendering frame $i of 400; sleep 0.25; done"'

TILES = "sh -c 'echo tile $AWS_BATCH_JOB_ARRAY_INDEX; test $((AWS_BATCH_JOB_ARRAY_INDEX % 7)) != 5'"
SHARDS = "sh -c 'echo shard $AWS_BATCH_JOB_ARRAY_INDEX; sleep 2'"


def work(installation: Installation) -> dict[str, str]:
    """Jobs in several states; the ids of those that have a page in the pictures."""
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
    done = [installation.submit(f"frame-{number:03}", command="echo done") for number in range(6)]
    failed = installation.submit("simulate", definition="fail")
    tiles = installation.submit("tiles", command=TILES, array_size="24", vcpus="0.25")
    register_pair(installation)
    for job_id in [*done, failed, tiles]:
        installation.wait_for(job_id, seconds=180)
    running = installation.submit("render-scene", command=RENDER, vcpus="1", memory_mib="512")
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
    names = ("running", "failed", "waiting", "huge", "tiles", "shards", "film", "pair")
    ids = (running, failed, waiting, huge, tiles, shards, film, pair)
    return dict(zip(names, ids, strict=True))


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
    installation.post("/definitions/", name="pair", ecs_properties=properties, tags="team=blue")


def pages(jobs: dict[str, str]) -> dict[str, str]:
    return {
        "overview": "/",
        "jobs": "/jobs/",
        "job": f"/jobs/{jobs['running']}/",
        "job-failed": f"/jobs/{jobs['failed']}/",
        "job-waiting": f"/jobs/{jobs['waiting']}/",
        "job-huge": f"/jobs/{jobs['huge']}/",
        "array": f"/jobs/{jobs['shards']}/",
        "array-failed": f"/jobs/{jobs['tiles']}/",
        "array-child": f"/jobs/{jobs['tiles']}:5/",
        "job-pending": f"/jobs/{jobs['film']}/",
        "job-containers": f"/jobs/{jobs['pair']}/",
        "submit": "/submit/?definition=count",
        "submit-array": f"/submit/?again={jobs['tiles']}",
        "submit-containers": "/submit/?definition=pair",
        "definition-form": "/new/definition/?from=hello",
        "definition-containers": "/definitions/pair/",
        "definitions": "/definitions/",
        "definition": "/definitions/hello/",
        "queues": "/queues/",
        "queue": "/queues/default/",
        "queue-fair": "/queues/research/",
        "queue-edit": "/queues/research/edit/",
        "policies": "/policies/",
        "policy": "/policies/teams/",
        "policy-edit": "/policies/teams/edit/",
        "resources": "/resources/",
        "resource": "/resources/licences/",
        "secrets": "/secrets/",
        "environments": "/environments/",
        "environment": "/environments/local/",
        "environment-edit": "/environments/local/edit/",
        "instance-types": "/instance-types/",
        "instance-type": "/instance-types/m6i.large/",
        "tokens": "/access/tokens/",
        "access-keys": "/access/keys/",
        "docs-api": "/docs/api/",
        "docs-events": "/docs/events/",
    }


def logged_in(browser: Browser, url: str, *, size: dict[str, int], dark: bool) -> Page:
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if dark else "light",
    )
    page = context.new_page()
    page.goto(url)
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    return page


def take(page: Page, url: str, path: Path, *, whole: bool) -> None:
    page.goto(url)
    # The log and the charts are drawn by scripts, the last of them when the log has its first line.
    page.wait_for_load_state("load")
    page.wait_for_timeout(1200)
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
    def each(size: dict[str, int], dark: bool, name_of: Callable[[str], str]) -> None:
        page = logged_in(browser, url, size=size, dark=dark)
        for name, path in shown.items():
            if everything or name in {"job", "overview"}:
                take(page, url + path, folder / f"{name_of(name)}.png", whole=everything)
        page.context.close()

    each(WIDE, False, lambda name: name)
    each(WIDE, True, lambda name: f"{name}-dark")
    if everything:
        each(NARROW, False, lambda name: f"{name}-narrow")
        each(NARROW, True, lambda name: f"{name}-narrow-dark")


if __name__ == "__main__":
    main()
