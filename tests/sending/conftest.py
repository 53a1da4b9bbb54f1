"""Rules, what happens, and receivers of what is sent."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from jobs.models import EventDelivery, EventRule, Job, JobStatus, QueueBlock, Transition
from jobs.services.sending.following import follow_events
from jobs.services.sending.rules import MadeRule, create_rule
from jobs.services.sending.sending import send_due
from tests.builders import a_job, an_event_rule

from .receiver import Receiver

Follow = Callable[[], None]
Tell = Callable[..., None]
FAILED = {"detail": {"status": ["FAILED"]}}
WEBHOOK = {"target_kind": "WEBHOOK", "address": "https://example.com/hook"}


def happened(job: Job, status: str = JobStatus.FAILED, *, reason: str = "") -> Transition:
    """A line of a job's history that is written now."""
    return Transition.objects.create(
        job=job, from_status=JobStatus.RUNNING, to_status=status, at=timezone.now(), reason=reason
    )


def blocked(job: Job) -> QueueBlock:
    return QueueBlock.objects.create(
        queue=job.queue, job=job, reason="MISCONFIGURATION: no room", at=timezone.now()
    )


@pytest.fixture
def follow() -> Follow:
    """Finds all that is new; the first time, where that begins."""

    def run() -> None:
        while follow_events(now=timezone.now()):
            pass

    run()
    return run


@pytest.fixture
def tell(follow: Follow) -> Tell:
    """Has jobs of these names fail, and sends all that is due."""

    def run(*names: str) -> None:
        for name in names:
            happened(a_job(name=name))
        follow()
        send()

    return run


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as found:
        yield found


def send() -> None:
    """Sends all that is due."""
    while send_due():
        pass


def a_rule_to(receiver: Receiver, **fields: object) -> EventRule:
    return an_event_rule(pattern=FAILED, address=receiver.url, **fields)


def made(owner: User, **fields: object) -> MadeRule:
    """A rule of all jobs, as its owner asks for it."""
    values = {"name": f"rule-{EventRule.objects.count()}", "tell_of": "JOBS", **fields}
    return create_rule(owner=owner, fields=values, now=timezone.now())


def states() -> list[str]:
    return list(EventDelivery.objects.order_by("id").values_list("state", flat=True))


def later(rule: EventRule, **by: float) -> None:
    """Lets time pass for a rule and all that it sends."""
    past = timedelta(**by)
    for each in EventDelivery.objects.filter(rule=rule):
        each.put_down_at, each.next_at = each.put_down_at - past, each.next_at - past
        each.save()
    rule.refresh_from_db()
    if rule.next_at is not None:
        rule.next_at -= past
    if rule.last_sent_at is not None:
        rule.last_sent_at -= past
    rule.save()


def put_down() -> list[tuple[str, str, str]]:
    """Which rules have put down what: the rule, the job or alarm, and its status."""
    rows = EventDelivery.objects.order_by("id").values_list("rule__name", "name", "status")
    return list(rows)
