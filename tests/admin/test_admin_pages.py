"""Every page of the administration renders, and nothing can be changed past the services."""

from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from jobs.models import (
    Alarm,
    Attempt,
    AuditEntry,
    Budget,
    ComputeEnvironment,
    ConsumableHold,
    ConsumableResource,
    Engine,
    InstanceType,
    Job,
    JobDefinition,
    JobDependency,
    JobQueue,
    JobSpec,
    JobStatus,
    LogStream,
    Node,
    NodeTransition,
    QueueBlock,
    RegistryLogin,
    SchedulingPolicy,
    Secret,
    Transition,
    UsageSample,
    WaitReason,
)
from tests.builders import (
    NOW,
    an_attempt,
)

from .rows import url

pytestmark = pytest.mark.django_db

MODELS = list(apps.get_app_config("jobs").get_models())
ADDED_AND_CHANGED = {
    JobQueue,
    ComputeEnvironment,
    Engine,
    SchedulingPolicy,
    ConsumableResource,
    Secret,
    RegistryLogin,
    InstanceType,
    Budget,
    Alarm,
}
# A machine is told by its engine, all but its GPUs.
CHANGED_BY_SERVICES = ADDED_AND_CHANGED | {Node}
ADDED_BY_SERVICES = ADDED_AND_CHANGED | {JobDefinition}


def test_every_model_is_registered_and_has_a_row_in_these_tests(
    one_of_each: dict[type[Model], Model],
) -> None:
    assert set(one_of_each) == set(MODELS)
    assert all(admin.site.is_registered(model) for model in MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_a_list_renders_searches_and_filters(
    client: Client, one_of_each: dict[type[Model], Model], model: type[Model]
) -> None:
    page = client.get(url(model, "changelist"))
    assert page.status_code == 200
    assert page.context["cl"].result_count == model._default_manager.count()
    for query in ({"q": "no-such-thing"}, {"q": str(one_of_each[Job].pk)}, {"p": "7"}):
        assert client.get(url(model, "changelist"), query).status_code in (200, 302)


@pytest.mark.parametrize("model", MODELS)
def test_every_filter_of_a_list_can_be_chosen(
    client: Client, one_of_each: dict[type[Model], Model], model: type[Model]
) -> None:
    changelist = client.get(url(model, "changelist")).context["cl"]
    for chooser in changelist.filter_specs:
        for choice in chooser.choices(changelist):
            answer = client.get(url(model, "changelist") + choice["query_string"])
            assert answer.status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_a_row_renders(
    client: Client, one_of_each: dict[type[Model], Model], model: type[Model]
) -> None:
    page = client.get(url(model, "change", one_of_each[model].pk))
    assert page.status_code == 200
    assert "NEVER SHOWN" not in page.text
    assert "d" * 64 not in page.text


@pytest.mark.parametrize("model", MODELS)
def test_an_add_page_renders_for_what_services_make_and_for_nothing_else(
    client: Client, boss: User, model: type[Model]
) -> None:
    expected = 200 if model in ADDED_BY_SERVICES else 403
    assert client.get(url(model, "add")).status_code == expected
    assert client.post(url(model, "add"), {}).status_code == expected


@pytest.mark.parametrize("model", [m for m in MODELS if m not in CHANGED_BY_SERVICES])
def test_what_services_alone_may_write_refuses_a_posted_change_and_a_delete(
    client: Client, one_of_each: dict[type[Model], Model], model: type[Model]
) -> None:
    row = one_of_each[model]
    before = model._default_manager.filter(pk=row.pk).values().get()
    fields = dict.fromkeys(before, "1")
    assert client.post(url(model, "change", row.pk), fields).status_code == 403
    assert client.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).values().get() == before


@pytest.mark.parametrize("model", MODELS)
def test_no_list_offers_to_delete_many_at_once(
    client: Client, one_of_each: dict[type[Model], Model], model: type[Model]
) -> None:
    client.post(
        url(model, "changelist"),
        {"action": "delete_selected", "_selected_action": [one_of_each[model].pk], "post": "yes"},
    )
    assert model._default_manager.filter(pk=one_of_each[model].pk).exists()


def test_a_staff_member_without_permissions_sees_nothing(client: Client) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert client.get(url(Job, "changelist")).status_code == 403


def test_who_may_only_look_is_offered_no_action(
    client: Client, one_of_each: dict[type[Model], Model]
) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_job"))
    client.force_login(clerk)
    job = one_of_each[Job]
    client.post(
        url(Job, "changelist"), {"action": "terminate_selected", "_selected_action": [job.pk]}
    )
    job.refresh_from_db()
    assert isinstance(job, Job)
    assert job.stop_requested_at is None


def test_the_header_names_batchweb_and_leads_to_the_dashboard(client: Client, boss: User) -> None:
    page = client.get(reverse("admin:index")).text
    assert "Batchweb administration" in page
    assert f'<a href="{reverse("overview")}">Dashboard</a>' in page


def test_a_search_for_jobs_takes_an_id_or_an_exact_name(
    client: Client, one_of_each: dict[type[Model], Model]
) -> None:
    job = one_of_each[Job]
    assert isinstance(job, Job)
    for query, count in ((str(job.id), 1), (job.name, 1), (job.name[:-1], 0)):
        page = client.get(url(Job, "changelist"), {"q": query})
        assert page.context["cl"].result_count == count, query


@pytest.mark.parametrize(
    "model",
    [
        Attempt,
        ConsumableHold,
        JobDependency,
        JobSpec,
        LogStream,
        NodeTransition,
        QueueBlock,
        Transition,
        UsageSample,
        WaitReason,
    ],
)
def test_rows_of_a_job_are_found_by_its_id(
    client: Client, one_of_each: dict[type[Model], Model], model: type[Model]
) -> None:
    job_id = one_of_each[Job].pk
    assert client.get(url(model, "changelist"), {"q": job_id}).context["cl"].result_count == 1
    other = "00000000-0000-7000-8000-000000000000"
    assert client.get(url(model, "changelist"), {"q": other}).context["cl"].result_count == 0


def test_the_filter_by_submission_reads_the_time_in_the_id() -> None:
    from jobs.admin.base import first_job_id

    moment = datetime(2026, 1, 5, 9, tzinfo=UTC)
    bound = first_job_id(int(moment.timestamp() * 1000))
    assert bound.version == 7
    attempt = an_attempt()
    assert Job.objects.filter(pk__gte=first_job_id(0), pk=attempt.job_id).exists()
    far = first_job_id(int(datetime(2200, 1, 1, tzinfo=UTC).timestamp() * 1000))
    assert not Job.objects.filter(pk__gte=far).exists()


def test_a_long_list_is_counted_up_to_a_limit_only(
    client: Client, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = an_attempt().job
    monkeypatch.setattr("jobs.admin.base.COUNT_LIMIT", 3)
    for _ in range(5):
        Transition.objects.create(job=job, to_status=JobStatus.RUNNABLE, at=NOW)
    assert client.get(url(Transition, "changelist")).context["cl"].result_count == 3


def test_a_user_with_jobs_cannot_be_deleted_and_the_page_says_what_to_do(
    client: Client, one_of_each: dict[type[Model], Model]
) -> None:
    job = one_of_each[Job]
    assert isinstance(job, Job)
    page = client.get(reverse("admin:auth_user_delete", args=[job.owner_id]))
    assert "make the user inactive instead" in page.text
    client.post(reverse("admin:auth_user_delete", args=[job.owner_id]), {"post": "yes"})
    assert User.objects.filter(pk=job.owner_id).exists()


def test_a_new_user_is_made_and_noted(client: Client, boss: User) -> None:
    fields = {"username": "mike", "password1": "long enough 1", "password2": "long enough 1"}
    answer = client.post(
        reverse("admin:auth_user_add"), {**fields, "usable_password": "true", "_save": "Save"}
    )
    made = User.objects.get(username="mike")
    assert answer.headers["Location"] == reverse("admin:auth_user_change", args=[made.pk])
    assert AuditEntry.objects.get(action="admin:auth_user_add").username == "boss"


def test_long_texts_do_not_make_rows_tall_nor_the_page_wide(client: Client, boss: User) -> None:
    attempt = an_attempt()
    attempt.container_id = "c0ffee" * 10 + "0000"
    attempt.status_reason = '"><b>' + "x" * 5000
    attempt.save()
    Job.objects.filter(pk=attempt.job_id).update(name="n" * 128)
    detail = client.get(url(Job, "change", attempt.job_id)).text
    assert ">c0ffeec0ffee…<" in detail
    assert "<b>x" not in detail
    assert "x" * 100 + "…" not in detail
    assert (
        f'<span title="{"n" * 128}">{"n" * 39}…</span>' in client.get(url(Job, "changelist")).text
    )
