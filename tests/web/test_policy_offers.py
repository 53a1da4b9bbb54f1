"""Pages offer what may be done: nothing that a policy denies, with the reason why, and all that one gives."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.template import engines
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404, resolve

from jobs.engines.fake.world import forget_world
from jobs.models import JobQueue
from jobs.web.permissions import FORMS, FORMS_OF_NEW, RULES
from jobs.web.renewals import AnyViewer, PersonalError
from tests import pages
from tests.builders import (
    a_budget,
    a_definition,
    a_job,
    a_policy,
    a_queue,
    a_user,
    an_access_policy,
    an_environment,
)
from tests.statements import ARN, OWN, allow, deny
from tests.web.conftest import HTML
from tests.world import build_world

pytestmark = pytest.mark.django_db
EVERYTHING = ["batch:*", "batchweb:*", "logs:*"]
ASKS_FIRST = {name for name in RULES if name.endswith(("_delete", "_revoke", "_terminate"))}
FORM = re.compile(r'<form method="post"[^>]*? action="([^"]+)"')
LINK = re.compile(r'<a [^>]*?href="(/[^"#?]*)')


def offered(html: str) -> Iterator[str]:
    """Views that a page's forms post to, or whose forms it leads to, and that access policies are asked about."""
    for path in FORM.findall(html):
        name = resolve(path.partition("?")[0]).view_name
        if name == "job_rerun" or RULES[name].find is not None:
            yield name
    for path in LINK.findall(html):
        try:
            name = resolve(path).view_name
        except Resolver404:
            continue
        if name in ASKS_FIRST or name in FORMS or name in FORMS_OF_NEW:
            yield name


def test_no_page_offers_an_administrator_what_is_denied_to_him(
    sues_page: Client, staff: User
) -> None:
    world = build_world(staff)
    paths = list(pages.addresses(world))

    def drawn() -> dict[str, str]:
        answers = {path: sues_page.get(path, headers=HTML) for path in paths}
        return {path: each.text for path, each in answers.items() if each.status_code == 200}

    before = drawn()
    an_access_policy(deny(EVERYTHING), name="nothing", users=[staff])
    after = drawn()
    forget_world(world.environment.engine.url.removeprefix("fake://"))
    kinds = {name for text in before.values() for name in offered(text)}
    assert {"queue_edit", "job_rerun", "tokens", "budget_delete", "environment_node"} <= kinds
    left = {path: found for path, text in after.items() if (found := set(offered(text)))}
    assert left == {}
    told = [text for text in after.values() if "because policy nothing (statement 1)" in text]
    assert len(told) > 30


def test_what_is_withheld_is_told_with_the_reason(sues_page: Client, staff: User) -> None:
    for name in ("high", "low"):
        a_queue(name=name)
    an_access_policy(
        deny(["batch:UpdateJobQueue", "batch:DeleteJobQueue"], f"{ARN}job-queue/high"),
        name="rules",
        users=[staff],
    )
    text = sues_page.get("/queues/high/", headers=HTML).text
    assert (
        "<p>Not offered to you: <code>batch:UpdateJobQueue</code>, <code>batch:DeleteJobQueue</code>, "
        "because policy rules (statement 1) denies it.</p>"
    ) in text
    assert text.count("Not offered to you") == 1
    other = sues_page.get("/queues/low/", headers=HTML).text
    assert "/queues/low/disable/" in other
    assert "Not offered to you" not in other
    # The form is refused before it is filled in.
    answer = sues_page.get("/queues/high/edit/", headers=HTML)
    assert answer.status_code == 403
    assert "policy rules (statement 1) denies it." in answer.text


NEW: list[tuple[dict[str, Any], bool]] = [
    (deny("batch:CreateJobQueue"), False),
    (deny("batch:CreateJobQueue", f"{ARN}job-queue/*"), False),
    # What is made may have another name, or tags.
    (deny("batch:CreateJobQueue", f"{ARN}job-queue/prod-*"), True),
    (
        {
            "Effect": "Deny",
            "Action": "batch:CreateJobQueue",
            "NotResource": [f"{ARN}job-queue/sue-*", f"{ARN}compute-environment/*"],
        },
        True,
    ),
    (
        deny("batch:CreateJobQueue", Condition={"Null": {"aws:RequestTag/team": "true"}}),
        True,
    ),
    (deny("batch:CreateJobQueue", Condition={"StringEquals": {"aws:username": "sue"}}), False),
]


@pytest.mark.parametrize(("statement", "offers"), NEW)
def test_something_new_is_offered_unless_it_is_denied_whatever_it_is(
    statement: dict[str, Any], offers: bool, sues_page: Client, staff: User
) -> None:
    an_access_policy(statement, users=[staff])
    assert ('href="/new/queue/"' in sues_page.get("/queues/", headers=HTML).text) is offers
    assert sues_page.get("/new/queue/", headers=HTML).status_code == (200 if offers else 403)


def test_what_an_allow_gives_is_offered(bobs_page: Client, bob: User) -> None:
    a_budget(name="bobs", owner=bob)
    a_policy(name="fair")
    an_environment(name="main")
    paths = ("/budgets/", "/budgets/bobs/", "/alarms/", "/policies/", "/policies/fair/")

    def found() -> set[str]:
        texts = [bobs_page.get(path, headers=HTML).text for path in paths]
        return {name for text in texts for name in offered(text)}

    # Rules of his own are his.
    assert found() == {"event_rule_new"}
    an_access_policy(
        allow(["batchweb:*Budget", "batchweb:CreateAlarm"], f"{OWN}*"),
        allow("batch:UpdateSchedulingPolicy", f"{ARN}scheduling-policy/fair"),
        name="runs",
        users=[bob],
    )
    given = {"budget_new", "budget_edit", "budget_delete", "alarm_new", "policy_edit"}
    assert found() == {"event_rule_new", *given}
    for path in ("/new/budget/", "/budgets/bobs/edit/", "/new/alarm/", "/policies/fair/edit/"):
        assert bobs_page.get(path, headers=HTML).status_code == 200
    # A Deny of what he never had is nothing that is kept from him.
    an_access_policy(deny("batch:CreateJobQueue"), name="more", users=[bob])
    assert "Not offered" not in bobs_page.get("/queues/", headers=HTML).text


def test_a_next_revision_is_offered_of_his_own_definitions(bobs_page: Client, bob: User) -> None:
    for name, owner in (("own", bob), ("theirs", a_user())):
        a_definition(name=name, created_by=owner)
    an_access_policy(
        allow(["batch:RegisterJobDefinition", "batch:DeregisterJobDefinition"]), users=[bob]
    )
    texts = {
        name: bobs_page.get(f"/definitions/{name}/", headers=HTML).text
        for name in ("own", "theirs")
    }
    assert set(offered(texts["own"])) == {"definition_new", "definition_deregister"}
    assert set(offered(texts["theirs"])) == set()


def test_a_job_is_offered_to_be_run_again_where_it_may_be(bobs_page: Client, bob: User) -> None:
    job = a_job(owner=bob, status="FAILED")
    other = a_job(owner=bob, status="FAILED")
    an_access_policy(
        deny("batch:SubmitJob", f"{ARN}job-queue/{job.queue.name}"), name="rules", users=[bob]
    )
    text = bobs_page.get(f"/jobs/{job.pk}/", headers=HTML).text
    assert "job_rerun" not in set(offered(text))
    assert "<code>batch:SubmitJob</code>, because policy rules (statement 1) denies it." in text
    assert "job_rerun" in set(offered(bobs_page.get(f"/jobs/{other.pk}/", headers=HTML).text))


def test_a_page_with_many_buttons_reads_the_policies_once(sues_page: Client, staff: User) -> None:
    for name in ("a", "b"):
        an_access_policy(deny("batchweb:*", f"{OWN}budget/{name}"), users=[staff])
    queue = a_queue(name="high")
    for _ in range(5):
        a_budget(queue=queue, spent_usd=1, usd_per_month=1)

    def queries(path: str) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            sues_page.get(path, headers=HTML)
        return [each["sql"] for each in captured.captured_queries]

    found = queries("/queues/high/")
    # Whether he has any is read with himself.
    assert sum('FROM "jobs_accesspolicy" WHERE' in sql for sql in found) == 1


def test_a_live_part_is_shared_by_those_without_policies_alone() -> None:
    request = RequestFactory().get("/queues/")
    request.resolver_match = resolve("/queues/")
    template = engines["django"].from_string(
        '{% offers "queue_new" as may %}{% if may %}yes{% endif %}'
    )

    def draw(viewer: AnyViewer) -> str:
        request.user = viewer  # type: ignore[assignment]
        return template.render({}, request)

    assert draw(AnyViewer(is_staff=True, is_superuser=False)) == "yes"
    assert draw(AnyViewer(is_staff=False, is_superuser=False)) == ""
    with pytest.raises(PersonalError):
        draw(AnyViewer(is_staff=True, is_superuser=False, may_have_policies=True))


def test_a_queue_s_live_buttons_follow_a_policy(sues_page: Client, staff: User) -> None:
    a_queue(name="high")
    headers = {"HX-Request": "true", "X-Live-Regions": "queue-buttons", **HTML}
    assert "/queues/high/disable/" in sues_page.get("/queues/high/", headers=headers).text
    an_access_policy(deny("batch:UpdateJobQueue"), users=[staff])
    assert "/queues/high/disable/" not in sues_page.get("/queues/high/", headers=headers).text
    assert JobQueue.objects.get().state == "ENABLED"
