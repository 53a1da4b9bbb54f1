"""Access policies at the pages' door: each post has an action, and none is forgotten."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern

from jobs import urls
from jobs.admin.permissions import RIGHTS, right_of
from jobs.api.permissions import RULES as OF_API
from jobs.domain.access_actions import ACTIONS, CANCEL_JOB, SUBMIT_JOB, TERMINATE_JOB
from jobs.models import (
    AuditEntry,
    ComputeEnvironment,
    JobDefinition,
    JobQueue,
    RegistryLogin,
)
from jobs.web.answers import METHODS
from jobs.web.permissions import FORMS, FORMS_OF_NEW, RULES
from tests.builders import (
    a_budget,
    a_definition,
    a_policy,
    a_queue,
    a_registry_login,
    a_secret,
    an_access_policy,
    an_environment,
)
from tests.statements import ARN, OWN, allow, deny
from tests.web.conftest import HTML, script_of

pytestmark = pytest.mark.django_db
# Views of Django's own say nothing of their methods, and what running jobs ask takes reads alone.
DJANGOS = {"login", "logout"}
READS_ALONE = {"job_credentials"}


def patterns() -> Iterator[URLPattern]:
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        yield pattern


def test_each_view_that_takes_posts_has_an_entry_and_no_other_has() -> None:
    taking = set(DJANGOS)
    for pattern in patterns():
        if pattern.name in DJANGOS | READS_ALONE:
            continue
        methods = getattr(pattern.callback, METHODS, None)
        assert methods is not None, f"{pattern.name} does not say which methods it takes"
        if not methods <= {"GET", "HEAD"}:
            taking.add(str(pattern.name))
    assert taking == set(RULES)


def test_each_entry_is_an_action_or_says_why_not() -> None:
    for name, rule in RULES.items():
        assert rule.action in ACTIONS if rule.find else rule.why, name
    assert set(FORMS.values()) <= set(RULES)
    assert set(FORMS_OF_NEW.values()) <= set(ACTIONS)


def test_each_action_is_somebody_s() -> None:
    asked = {rule.action for rules in (RULES, OF_API) for rule in rules.values()}
    verbs = ("Create", "Update", "Delete", "Revoke")
    asked |= {right_of(model, verb) for model in RIGHTS for verb in verbs}
    asked |= {CANCEL_JOB, SUBMIT_JOB, TERMINATE_JOB}
    assert set(ACTIONS) <= asked


def test_a_view_without_an_entry_takes_no_posts(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.web.permissions.RULES", {})
    answer = page.post("/queues/", {"name": "x"}, headers=HTML)
    assert answer.status_code == 403
    assert "Posts to queues are not among what may be asked for." in answer.content.decode()


POSTS: list[tuple[str, str, str]] = [
    ("/queues/high/disable/", "batch:UpdateJobQueue", "job-queue/high"),
    ("/queues/high/enable/", "batch:UpdateJobQueue", "job-queue/high"),
    ("/queues/high/", "batch:UpdateJobQueue", "job-queue/high"),
    ("/queues/high/delete/", "batch:DeleteJobQueue", "job-queue/high"),
    ("/environments/main/disable/", "batch:UpdateComputeEnvironment", "compute-environment/main"),
    ("/environments/main/delete/", "batch:DeleteComputeEnvironment", "compute-environment/main"),
    ("/policies/fair/delete/", "batch:DeleteSchedulingPolicy", "scheduling-policy/fair"),
    (
        "/definitions/hello/1/deregister/",
        "batch:DeregisterJobDefinition",
        "job-definition/hello",
    ),
]


@pytest.mark.parametrize(("path", "action", "resource"), POSTS)
def test_a_denied_post_changes_nothing(
    path: str, action: str, resource: str, sues_page: Client, staff: User
) -> None:
    environment = an_environment(name="main")
    a_queue(environment, name="high")
    a_policy(name="fair")
    a_definition(name="hello")
    an_access_policy(deny(action, f"{ARN}{resource}"), name="rules", users=[staff])

    def state() -> list[Any]:
        models = (JobQueue, ComputeEnvironment, JobDefinition)
        return [list(model._default_manager.order_by("pk").values()) for model in models]

    before = state()
    answer = sues_page.post(path, headers=HTML)
    assert answer.status_code == 403
    text = answer.content.decode()
    assert f"User sue is not authorized to perform: {action} on resource: {ARN}{resource}" in text
    assert "because policy rules (statement 1) denies it." in text
    assert state() == before
    row = AuditEntry.objects.get()
    assert (row.username, row.status) == ("sue", 403)
    as_json = script_of(staff).post(path, {}, content_type="application/json")
    assert as_json.status_code == 403
    assert "denies it." in as_json.json()["message"]


def test_what_is_only_here_has_arns_of_its_own(sues_page: Client, staff: User) -> None:
    a_budget(name="month")
    secret = a_secret(owner=staff, name="key")
    login = a_registry_login(owner=staff, prefix="registry.example.com/x")
    for action, name in (
        ("DeleteBudget", "budget/month"),
        ("DeleteSecret", "secret/key"),
        ("DeleteRegistryLogin", "registry-login/registry.example.com/x"),
        ("CreateAlarm", "alarm/prod-*"),
        ("CreateAccessKey", "access-key/${aws:username}"),
    ):
        an_access_policy(deny(f"batchweb:{action}", f"{OWN}{name}"), users=[staff])
    for path, fields in (
        ("/budgets/month/delete/", {}),
        (f"/secrets/{secret.pk}/delete/", {}),
        (f"/registries/{login.pk}/delete/", {}),
        ("/alarms/", {"name": " prod-1"}),
        ("/access/keys/", {"name": "cli"}),
    ):
        answer = sues_page.post(path, fields, headers=HTML)
        assert (path, answer.status_code) == (path, 403)


def test_another_name_is_no_way_around_a_deny(staff: User) -> None:
    a_budget(name="month")
    an_access_policy(
        deny("batchweb:*Budget", f"{OWN}budget/prod*"),
        deny("batchweb:CreateRegistryLogin", f"{OWN}registry-login/registry.example.com/x"),
        users=[staff],
    )
    script = script_of(staff)

    def status(path: str, **fields: str) -> int:
        return script.post(path, fields, content_type="application/json").status_code

    assert status("/budgets/month/", name="prod-2") == 403
    assert status("/budgets/month/", warn_percentage="70") == 200
    login = {"username": "u", "password": "p"}
    for prefix in (
        "registry.example.com/x",
        " Registry.Example.COM/x/",
        "https://registry.example.com/x",
    ):
        assert status("/registries/", prefix=prefix, **login) in (403, 400)
    assert not RegistryLogin.objects.exists()


def test_what_a_queue_is_made_of_is_asked_for_too(sues_page: Client, staff: User) -> None:
    an_environment(name="gold")
    an_access_policy(deny("batch:CreateJobQueue", f"{ARN}compute-environment/gold"), users=[staff])
    fields = {"name": "q", "priority": "1", "environments": ["gold"]}
    assert sues_page.post("/queues/", fields, headers=HTML).status_code == 403
    script = script_of(staff)
    answer = script.post("/queues/", fields, content_type="application/json")
    assert answer.status_code == 403
    assert not JobQueue.objects.exists()


def test_tags_that_a_form_changes_are_actions_of_their_own(staff: User) -> None:
    a_policy(name="fair", tags={"stage": "prod"})
    an_access_policy(deny(["batch:TagResource", "batch:UntagResource"]), users=[staff])
    script = script_of(staff)

    def status(fields: dict[str, Any]) -> int:
        return script.post("/policies/fair/", fields, content_type="application/json").status_code

    assert status({"share_decay_seconds": 900}) == 200
    assert status({"tags": {"stage": "prod"}}) == 200
    assert status({"tags": {"stage": "test"}}) == 403
    assert status({"tags": {}}) == 403


def test_an_allow_opens_form_and_post_of_what_it_names(bobs_page: Client, bob: User) -> None:
    environment = an_environment(name="main")
    a_queue(environment, name="high")
    a_queue(environment, name="low")
    a_budget(name="month")
    an_access_policy(
        allow("batch:UpdateJobQueue", f"{ARN}job-queue/high"),
        allow("batchweb:CreateBudget", f"{OWN}budget/bob-*"),
        users=[bob],
    )

    def get(path: str) -> int:
        return bobs_page.get(path, headers=HTML).status_code

    def post(path: str, **fields: str) -> int:
        return bobs_page.post(path, fields, headers=HTML).status_code

    assert (get("/queues/high/edit/"), get("/queues/low/edit/")) == (200, 403)
    for name, offers in (("high", True), ("low", False)):
        html = bobs_page.get(f"/queues/{name}/", headers=HTML).content.decode()
        assert (f"/queues/{name}/disable/" in html) is offers
    assert "/environments/main/disable/" not in bobs_page.get("/environments/main/").text
    assert (get("/queues/high/delete/"), get("/new/queue/"), get("/new/budget/")) == (403, 403, 200)
    assert (post("/queues/high/disable/"), post("/queues/low/disable/")) == (302, 403)
    assert JobQueue.objects.get(name="high").state == "DISABLED"
    budget = {"scope": "ALL", "usd_per_month": "5", "action": "WARN"}
    assert post("/budgets/", name="bob-1", **budget) in (302, 400)
    assert post("/budgets/", name="month-2", **budget) == 403
    assert post("/queues/high/delete/") == 403


def test_an_allow_lets_a_user_register_on_the_page(bobs_page: Client, bob: User) -> None:
    fields = {"image": "busybox", "vcpus": "1", "memory_mib": "64"}

    def register(name: str, **more: str) -> int:
        posted = {"name": name, **fields, **more}
        return bobs_page.post("/definitions/", posted, headers=HTML).status_code

    assert (register("team-a"), bobs_page.get("/new/definition/").status_code) == (403, 403)
    an_access_policy(
        allow("batch:RegisterJobDefinition", f"{ARN}job-definition/team-*"), users=[bob]
    )
    assert (register("team-a"), bobs_page.get("/new/definition/").status_code) == (302, 200)
    assert register("mine") == 403
    assert JobDefinition.objects.get().name == "team-a"


def test_a_page_reads_the_policies_once_and_of_who_has_none_never(
    sues_page: Client, staff: User
) -> None:
    a_queue(name="high")

    def queries(send: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as captured:
            send()
        return sum("jobs_accesspolicy" in each["sql"] for each in captured.captured_queries)

    def look() -> int:
        return queries(lambda: sues_page.get("/queues/high/edit/", headers=HTML))

    def change() -> int:
        return queries(lambda: sues_page.post("/queues/high/disable/", headers=HTML))

    # Who asks is read with whether he has any.
    assert (look(), change()) == (1, 1)
    an_access_policy(deny("batch:CreateJobQueue"), users=[staff])
    assert (look(), change()) == (2, 2)


def test_superusers_are_not_bound(page: Client, admin: User) -> None:
    a_queue(name="high")
    an_access_policy(deny("*"), users=[admin])
    assert page.post("/queues/high/disable/", headers=HTML).status_code == 302
