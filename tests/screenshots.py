"""Pictures of every page, light and dark, wide and narrow, and those of the README.

    script/screenshots [FOLDER]

Runs a whole installation with a little work on it and a month of made-up history. Without FOLDER it writes
docs/screenshots, where only the README's pictures are kept.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, ViewportSize, sync_playwright

from tests.chromium import chromium_path
from tests.images import busybox_image
from tests.installation import PASSWORD, ROOT, Installation, wait_until
from tests.sending.receiver import Receiver
from tests.shown_work import VIEWER, work

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
KEPT = ("overview", "job", "monitoring")


def pages(shown: Mapping[str, str]) -> dict[str, str]:
    """The path of each picture's page, by the picture's name; `shown` names what the pages are about.

    All but the form to log in need that.
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
        "submit": "/submit/?definition=align",
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
        "right-sizing-of": "/right-sizing/align/",
        "right-sizing-run": f"/right-sizing/align/{run}/",
        "monitoring": "/monitoring/",
        "alarms": "/alarms/",
        "alarm": "/alarms/queue-too-long/",
        "alarm-form": "/new/alarm/",
        "alarm-edit": "/alarms/queue-too-long/edit/",
        "events": "/events/",
        "event-rules": "/event-rules/",
        "event-rule": "/event-rules/failures/",
        "event-rule-sent": "/event-rules/frames/",
        "event-rule-form": "/new/event-rule/",
        "event-rule-edit": "/event-rules/failures/edit/",
        "event-rule-secret": "/event-rules/failures/secret/",
        "event-rule-delete": "/event-rules/failures/delete/",
    }


def _pages_of_people() -> dict[str, str]:
    asked = f"user={VIEWER}&action=batch:SubmitJob&queue=nightly&definition=hello"
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
        "access-own": "/access/own/",
        "access-password": "/access/password/",
        "access-policies": "/access/policies/",
        "access-policy-new": "/access/policies/new/",
        "access-policy-check": "/access/policies/check/",
        "access-policy-checked": f"/access/policies/check/?{asked}",
        "access-policy": "/access/policies/1/",
        "access-policy-edit": "/access/policies/1/edit/",
        "access-policy-delete": "/access/policies/1/delete/",
        "audit": "/access/audit/",
        "docs-api": "/docs/api/",
        "docs-events": "/docs/events/",
        "docs-access": "/docs/access/",
        "not-found": "/queues/no-such-queue/",
    }


# What `VIEWER` sees of them: his own policies, and what is not offered to him.
PAGES_OF_VIEWER = {
    "viewer-overview": "/",
    "viewer-policies": "/access/policies/",
    "viewer-queue": "/queues/nightly/",
    "viewer-submit": "/submit/?definition=hello&queue=nightly",
    "viewer-event-rule-form": "/new/event-rule/",
}


def log_in(page: Page, url: str, username: str) -> None:
    go(page, url)
    page.get_by_label("User name").fill(username)
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
        Receiver().running() as receiver,
        Installation(image=busybox_image("")) as installation,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        shown = pages(work(installation, receiver.url))
        if everything:
            draw(browser, installation.url, shown, folder)
        else:
            kept = {name: shown[name] for name in KEPT}
            draw(browser, installation.url, kept, folder, looks=LOOKS[:2], whole=False)
        browser.close()


def draw(
    browser: Browser,
    url: str,
    shown: Mapping[str, str],
    folder: Path,
    *,
    looks: Sequence[Look] = LOOKS,
    whole: bool = True,
) -> None:
    """Pictures of these pages, and of all looks also what `VIEWER` sees. Each is opened once, wide and light."""

    def draw_page(page: Page, name: str, path: str) -> None:
        page.set_viewport_size(WIDE)
        open_page(page, url + path, with_chart=name in KEPT)
        for look in looks:
            take(page, look, folder / f"{name}{look.ending}.png", whole=whole)

    for username, paths in (("admin", shown), (VIEWER, PAGES_OF_VIEWER if whole else {})):
        page = browser.new_context().new_page()
        if "login" in paths:
            draw_page(page, "login", paths["login"])
        log_in(page, url, username)
        for name, path in paths.items():
            if name != "login":
                draw_page(page, name, path)


if __name__ == "__main__":
    main()
