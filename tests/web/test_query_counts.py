"""A page takes as many queries for thirty rows as for three: what it costs does not grow with each row."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from jobs import urls
from jobs.models import (
    Alarm,
    AlarmMetric,
    AuditDoor,
    AuditEntry,
    BulkAction,
    BulkKind,
    CostHour,
    JobDocument,
    JobStatus,
    QueueMetric,
    RightSizing,
    SavedView,
    Transition,
    UsageSample,
    WaitReason,
)
from jobs.services.access.access_keys import create_access_key
from jobs.services.access.tokens import create_token
from tests.builders import (
    a_budget,
    a_consumable,
    a_definition,
    a_hold,
    a_job,
    a_policy,
    a_queue,
    a_registry_login,
    a_secret,
    a_user,
    an_access_policy,
    an_array,
    an_attempt,
    an_environment,
    an_event_rule,
    an_instance,
    an_instance_type,
)
from tests.remembered import forget_all

FEW, MANY = 3, 30
# Uncompressed, as docs/dashboard.md promises of every first page.
MAX_BYTES = 150_000
# What takes no GET, has no rows, or hands out files and streams.
LEFT_OUT = frozenset(
    {
        "login",
        "logout",
        "live",
        "jobs_bulk",
        "job_views",
        "submit_fill",
        "submit_check",
        "event_rule_try",
    }
)


class Stock:
    """Some of everything, all of it to do with each other; each call of `more` adds one."""

    def __init__(self, owner: User) -> None:
        self.owner = owner
        self.now = timezone.now()
        self.queue = a_queue(scheduling_policy=a_policy())
        self.definition = a_definition()
        self.fields: dict[str, Any] = {
            "queue": self.queue,
            "owner": owner,
            "definition": self.definition,
        }
        self.job = a_job(**self.fields, status=JobStatus.RUNNING, attempts_made=1)
        self.array = an_array(4, **self.fields)
        self._number = 0

    def more(self) -> None:
        self._number += 1
        self._things()
        self._jobs()
        self._kept()

    def _things(self) -> None:
        environment = an_environment()
        an_instance(environment=environment)
        a_queue(environment, self.queue.environments.get())
        a_definition(name=self.definition.name, revision=self._number + 1)
        a_definition(created_by=self.owner)
        a_policy()
        a_budget(owner=a_user())
        a_budget(queue=self.queue)
        an_instance_type()
        a_secret(owner=self.owner)
        a_registry_login(owner=self.owner)
        an_access_policy(users=[self.owner, a_user()])
        create_token(user=self.owner, name=f"token-{self._number}", now=self.now)
        create_access_key(user=self.owner, name=f"key-{self._number}", now=self.now)

    def _jobs(self) -> None:
        owner = a_user()
        fields: dict[str, Any] = {"queue": self.queue, "definition": a_definition()}
        for who in (self.owner, owner):
            waiting = a_job(**fields, owner=who, status=JobStatus.RUNNABLE)
            WaitReason.objects.create(job=waiting, code="", reason="It waits.", since=self.now)
            failed = a_job(
                **fields, owner=who, status=JobStatus.FAILED, attempts_made=1,
                status_reason="Essential container in task exited", stopped_at=self.now,
            )  # fmt: skip
            an_attempt(job=failed, ended_at=self.now, started_at=self.now, exit_code=1)
            JobDocument.objects.create(job=failed, text=f"{failed.name} found")
            running = a_job(**fields, owner=who, status=JobStatus.RUNNING, attempts_made=1)
            attempt = an_attempt(job=running, started_at=self.now)
            UsageSample.objects.create(attempt=attempt, at=self.now, milli_vcpus=1, memory_mib=1)
            Transition.objects.create(
                job=failed, from_status="RUNNING", to_status="FAILED", at=self.now
            )
            an_array(2, **fields, owner=who)
            a_hold(job=running, resource=a_consumable())

    def _kept(self) -> None:
        hour = self.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=self._number)
        environment = self.queue.environments.get()
        CostHour.objects.create(
            hour=hour, environment=environment, queue=self.queue, definition=a_definition(),
            owner=self.owner, attempts=1, usd=Decimal(1), capacity="UNMANAGED",
        )  # fmt: skip
        QueueMetric.objects.create(seconds=3600, start=hour, queue=a_queue(), submitted=1)
        RightSizing.objects.create(definition_name=a_definition().name, measured_runs=1)
        SavedView.objects.create(owner=self.owner, name=f"view-{self._number}", created_at=hour)
        BulkAction.objects.create(
            kind=BulkKind.CANCEL, owner=self.owner, job_ids=[], created_at=hour, updated_at=hour
        )
        Alarm.objects.create(
            name=f"alarm-{self._number}", metric=AlarmMetric.WAITING_JOBS, queue=a_queue(),
            comparison="GREATER_THAN", threshold=1, created_at=hour, state_since=hour,
            state="ALARM",
        )  # fmt: skip
        an_event_rule(owner=self.owner, name=f"sends-{self._number}")
        AuditEntry.objects.create(
            at=hour,
            user=a_user(),
            username="x",
            door=AuditDoor.PAGE,
            action="queue_edit",
            status=302,
        )


def addresses(stock: Stock) -> Iterator[str]:
    """All pages whose URL takes nothing, lists with filters, and pages of one thing that list others."""
    for pattern in urls.urlpatterns:
        name = pattern.name or ""
        if "<" not in str(pattern.pattern) and name not in LEFT_OUT:
            yield reverse(name)
    yield reverse("jobs") + "?status=FAILED"
    yield f"{reverse('jobs')}?queue={stock.queue.name}"
    yield reverse("search") + "?q=found"
    yield reverse("costs") + "?range=30d"
    for name, argument in (
        ("queue", stock.queue.name),
        ("environment", stock.queue.environments.get().name),
        ("definition", stock.definition.name),
        ("job", stock.job.pk),
        ("job", stock.array.pk),
    ):
        yield reverse(name, args=[argument])


def queries_of(client: Client, stock: Stock) -> dict[str, list[str]]:
    found = {}
    for path in addresses(stock):
        forget_all()
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(path, headers={"Accept": "text/html"})
            found[path] = [each["sql"] for each in captured.captured_queries]
        assert answer.status_code in {200, 403}, path
        assert answer.streaming or len(answer.content) < MAX_BYTES, path
    return found


@pytest.mark.parametrize("is_staff", [True, False])
@pytest.mark.django_db
def test_no_page_takes_more_queries_for_more_rows(client: Client, is_staff: bool) -> None:
    owner = a_user(is_staff=is_staff)
    client.force_login(owner)
    stock = Stock(owner)
    for _ in range(FEW):
        stock.more()
    few = queries_of(client, stock)
    for _ in range(MANY - FEW):
        stock.more()
    many = queries_of(client, stock)
    grown = {
        path: f"{len(few[path])} to {len(many[path])}, such as {many[path][-1][:300]}"
        for path in few
        if len(many[path]) > len(few[path])
    }
    assert not grown
