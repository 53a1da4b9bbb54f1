"""Access policies at the pages' door: each post has an action, and none is forgotten."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern
from django.utils import timezone

from jobs import urls
from jobs.admin.permissions import RIGHTS, right_of
from jobs.api.permissions import RULES as OF_API
from jobs.domain.access_actions import ACTIONS, CANCEL_JOB, SUBMIT_JOB, TERMINATE_JOB
from jobs.models import (
    AuditEntry,
    BulkAction,
    BulkResult,
    ComputeEnvironment,
    Job,
    JobDefinition,
    JobQueue,
    JobSpec,
    RegistryLogin,
)
from jobs.services.requests.bulk import go_on_with_bulk
from jobs.web.answers import METHODS
from jobs.web.permissions import FORMS, FORMS_OF_NEW, RULES
from tests.builders import (
    a_budget,
    a_definition,
    a_job,
    a_policy,
    a_queue,
    a_registry_login,
    a_secret,
    a_user,
    an_access_policy,
    an_array,
    an_environment,
)
from tests.web.conftest import script_of

pytestmark = pytest.mark.django_db
ARN = "arn:aws:batch:us-east-1:123456789012:"
OWN = "arn:aws:batchweb:us-east-1:123456789012:"
HTML = {"Accept": "text/html"}
# Views of Django's own say nothing of their methods, and what running jobs ask takes reads alone.
DJANGOS = {"login", "logout"}
READS_ALONE = {"job_credentials"}


def deny(action: str | list[str], on: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": on, **more}


def allow(action: str | list[str], on: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": on}


@pytest.fixture
def staff(db: None) -> User:
    return a_user(username="sue", is_staff=True)


@pytest.fixture
def sues_page(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


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


def submission(client: Client, **fields: Any) -> Any:
    given = {"name": "a", "queue": "high", "definition": "hello", **fields}
    return client.post("/submit/", given, headers=HTML)


def test_a_refused_submission_has_its_form_again(bobs_page: Client, bob: User) -> None:
    a_queue(name="high")
    a_definition(name="hello")
    an_access_policy(deny("batch:SubmitJob", f"{ARN}job-queue/high"), name="rules", users=[bob])
    for definition in ("hello", "hello:1", " hello:1 "):
        answer = submission(bobs_page, definition=definition, name="typed-by-bob")
        assert answer.status_code == 403
        text = answer.content.decode()
        assert "because policy rules (statement 1) denies it." in text
        assert "typed-by-bob" in text
    answer = script_of(bob).post("/jobs/", {"name": "a", "queue": "high", "definition": "hello"})
    assert answer.status_code == 403
    assert "denies it" in answer.json()["message"]
    assert not Job.objects.exists()
    assert set(AuditEntry.objects.values_list("action", "status")) == {
        ("submit", 403),
        ("jobs", 403),
    }


def test_a_rerun_is_a_submission_and_who_asks_is_asked_about(
    sues_page: Client, staff: User, bob: User
) -> None:
    failed = a_job(status="FAILED", owner=bob)
    array = an_array(2, owner=bob, children="FAILED")
    policy = an_access_policy(deny("batch:SubmitJob"), name="rules", users=[bob])
    for of in (failed, array):
        path = f"/jobs/{of.pk}/rerun/"
        assert sues_page.post(path, {"for_owner": "true"}, headers=HTML).status_code == 302
    policy.users.set([staff])
    for of in (failed, array):
        for fields in ({}, {"for_owner": "true"}):
            answer = sues_page.post(f"/jobs/{of.pk}/rerun/", fields, headers=HTML)
            assert answer.status_code == 403


def test_a_job_is_ended_by_whom_no_policy_denies_it(bobs_page: Client, bob: User) -> None:
    array = an_array(2, owner=bob)
    job = a_job(status="RUNNABLE", owner=bob, tags={"keep": "yes"})
    an_access_policy(
        deny("batch:CancelJob", f"{ARN}job/{array.pk}"),
        deny("batch:TerminateJob", Condition={"StringLike": {"aws:ResourceTag/keep": "*"}}),
        users=[bob],
    )
    for path in (f"{array.pk}/cancel/", f"{array.pk}:1/cancel/", f"{job.pk}/terminate/"):
        assert bobs_page.post(f"/jobs/{path}", headers=HTML).status_code == 403
    assert bobs_page.post(f"/jobs/{array.pk}/terminate/", headers=HTML).status_code == 302
    assert bobs_page.post(f"/jobs/{job.pk}/cancel/", headers=HTML).status_code == 302


@pytest.mark.parametrize(
    ("action", "right"), [("cancel", "CancelJob"), ("terminate", "TerminateJob")]
)
def test_of_a_bulk_action_each_job_is_asked_for(
    action: str, right: str, bobs_page: Client, bob: User
) -> None:
    kept = a_job(status="RUNNABLE", owner=bob, tags={"keep": "1"})
    other = a_job(status="RUNNABLE", owner=bob)
    condition = {"StringEquals": {"aws:ResourceTag/keep": "1"}}
    an_access_policy(deny(f"batch:{right}", Condition=condition), name="rules", users=[bob])
    chosen = [str(kept.pk), str(other.pk)]
    bobs_page.post("/jobs/bulk/", {"action": action, "job": chosen}, headers=HTML)
    bulk = BulkAction.objects.get()
    assert bulk.address == "127.0.0.1"
    go_on_with_bulk(action_id=bulk.pk, now=timezone.now())
    assert dict(BulkResult.objects.values_list("job", "outcome")) == {
        kept.pk: "REFUSED",
        other.pk: "CHANGED",
    }
    html = bobs_page.get(f"/jobs/bulk/{bulk.pk}/", headers=HTML).content.decode()
    assert "because policy rules (statement 1) denies it." in html


def test_a_bulk_rerun_is_denied_by_what_each_job_runs(bobs_page: Client, bob: User) -> None:
    jobs = [a_job(status="FAILED", owner=bob) for _ in range(2)]
    first = jobs[0].queue.name
    an_access_policy(deny("batch:SubmitJob", f"{ARN}job-queue/{first}"), users=[bob])
    chosen = [str(job.pk) for job in jobs]
    bobs_page.post("/jobs/bulk/", {"action": "rerun", "job": chosen}, headers=HTML)
    go_on_with_bulk(action_id=BulkAction.objects.get().pk, now=timezone.now())
    outcomes = dict(BulkResult.objects.values_list("job", "outcome"))
    assert outcomes == {jobs[0].pk: "REFUSED", jobs[1].pk: "CHANGED"}


def test_an_address_holds_for_what_workers_do_later(bobs_page: Client, bob: User) -> None:
    job = a_job(status="RUNNABLE", owner=bob)
    here = {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    an_access_policy(deny("batch:CancelJob", Condition=here), users=[bob])
    bobs_page.post("/jobs/bulk/", {"action": "cancel", "job": [str(job.pk)]}, headers=HTML)
    go_on_with_bulk(action_id=BulkAction.objects.get().pk, now=timezone.now())
    assert BulkResult.objects.get().outcome == "REFUSED"


@pytest.mark.parametrize(
    ("action", "status", "right"),
    [("cancel", "RUNNABLE", "SubmitJob"), ("rerun", "FAILED", "TerminateJob")],
)
def test_who_takes_a_bulk_action_back_is_asked_and_not_whose_it_was(
    action: str,
    status: str,
    right: str,
    sues_page: Client,
    staff: User,
    bobs_page: Client,
    bob: User,
) -> None:
    job = a_job(status=status, owner=bob)
    bobs_page.post("/jobs/bulk/", {"action": action, "job": [str(job.pk)]}, headers=HTML)
    first = BulkAction.objects.get()
    go_on_with_bulk(action_id=first.pk, now=timezone.now())
    policy = an_access_policy(deny(f"batch:{right}"), users=[staff])
    sues_page.post(f"/jobs/bulk/{first.pk}/undo/", headers=HTML)
    undo = BulkAction.objects.exclude(pk=first.pk).get()
    assert (undo.owner, undo.asked_by) == (bob, staff)
    go_on_with_bulk(action_id=undo.pk, now=timezone.now())
    result = BulkResult.objects.get(action=undo)
    assert result.outcome == "REFUSED"
    assert f"User sue is not authorized to perform: batch:{right}" in result.why
    # Nobody is kept from it by who was refused.
    policy.users.set([bob])
    sues_page.post(f"/jobs/bulk/{first.pk}/undo/", headers=HTML)
    again = BulkAction.objects.get(undoes=first)
    assert again != undo
    go_on_with_bulk(action_id=again.pk, now=timezone.now())
    assert BulkResult.objects.get(action=again).outcome == "CHANGED"


def test_what_is_taken_back_is_asked_by_the_address_of_who_does_so(
    bobs_page: Client, bob: User
) -> None:
    job = a_job(status="RUNNABLE", owner=bob)
    elsewhere = {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    an_access_policy(deny("batch:SubmitJob", Condition=elsewhere), users=[bob])
    chosen = {"action": "cancel", "job": [str(job.pk)]}
    bobs_page.post("/jobs/bulk/", chosen, headers=HTML, REMOTE_ADDR="10.1.1.1")
    first = BulkAction.objects.get()
    go_on_with_bulk(action_id=first.pk, now=timezone.now())
    for address, outcome in (("8.8.8.8", "REFUSED"), ("10.1.1.1", "CHANGED")):
        path = f"/jobs/bulk/{first.pk}/undo/"
        bobs_page.post(path, headers=HTML, REMOTE_ADDR=address)
        undo = BulkAction.objects.get(undoes=first)
        assert undo.address == address
        go_on_with_bulk(action_id=undo.pk, now=timezone.now())
        assert BulkResult.objects.get(action=undo).outcome == outcome


def test_a_rerun_is_denied_by_what_it_would_run(bobs_page: Client, bob: User) -> None:
    privileged = {"Bool": {"batch:Privileged": "true"}}
    an_access_policy(deny("batch:SubmitJob", Condition=privileged), users=[bob])
    for properties, status in (({"privileged": True}, 403), ({}, 302)):
        job = a_job(status="FAILED", owner=bob)
        ComputeEnvironment.objects.update(allow_privileged=True)
        JobSpec.objects.filter(pk=job.spec_id).update(container=properties)
        assert bobs_page.post(f"/jobs/{job.pk}/rerun/", headers=HTML).status_code == status


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


def test_pages_take_no_query_more_and_posts_one(sues_page: Client, staff: User) -> None:
    a_queue(name="high")

    def queries(send: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as captured:
            send()
        return len(captured.captured_queries)

    def look() -> int:
        return queries(lambda: sues_page.get("/queues/high/edit/", headers=HTML))

    def change() -> int:
        return queries(lambda: sues_page.post("/queues/high/disable/", headers=HTML))

    change()
    before = (look(), change())
    an_access_policy(deny("batch:DeleteJobQueue"), users=[staff])
    # The post reads the policies whether or not there are any.
    assert (look(), change()) == before


def test_superusers_are_not_bound(page: Client, admin: User) -> None:
    a_queue(name="high")
    an_access_policy(deny("*"), users=[admin])
    assert page.post("/queues/high/disable/", headers=HTML).status_code == 302
