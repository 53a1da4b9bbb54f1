"""The events of deliveries, written of the rows that tell of them: an event is never stored."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import OuterRef, Subquery
from django.utils.module_loading import import_string

from jobs.domain import events
from jobs.models import Alarm, AlarmChange, EventDelivery, EventKind, EventRule
from jobs.selectors.alarms import rule_of
from jobs.selectors.events.history import EventRow
from jobs.selectors.events.lines import TABLE_OF, rows_of
from jobs.selectors.jobs import may_see, seen_by
from jobs.selectors.realm import arns

# Of alarms' changes and tests; those of jobs have ids of their own.
EVENT_IDS = UUID("0c1f0b68-6f5b-4f0e-8a65-0a2c5c1b7a44")
# So many are written at once: one of a job with thousands of variables takes some MB until it is text.
DOCUMENTS = 25
_OfJobs = Callable[[EventKind, Sequence[EventDelivery], User], "dict[int, Document | Lost]"]
JOB_GONE = "The job was deleted before this could be sent."
ALARM_GONE = "The alarm was deleted before this could be sent."
NOT_HIS = "The rule’s owner may not see this job any more."


class Document(NamedTuple):
    """An event as it is sent: its id, the same each time, and its JSON text."""

    event_id: str
    text: str

    @property
    def event(self) -> dict[str, Any]:
        """The event itself."""
        found: dict[str, Any] = json.loads(self.text)
        return found


class Lost(NamedTuple):
    """There is no event to send any more, and why."""

    reason: str


def write_events(rows: Sequence[EventRow]) -> list[str]:
    """The JSON text of each row's event, by the writer that the API has for them: it stands above the services."""
    write: Callable[[Sequence[EventRow]], list[str]] = import_string(settings.BATCHWEB_EVENT_WRITER)
    return write(rows)


def events_to_read(rows: Sequence[EventRow]) -> Callable[[EventRow], dict[str, Any]]:
    """What gives each row's event to be looked at, as its text says it, but without making that; by the API as well."""
    made: Callable[[Sequence[EventRow]], Callable[[EventRow], dict[str, Any]]] = import_string(
        settings.BATCHWEB_EVENT_READER
    )
    return made(rows)


def name_of(name: str, *, array_index: int | None, node: int | None) -> str:
    """What a list calls an event of a job of that name: with its index in an array, and its node's."""
    index = "" if array_index is None else f":{array_index}"
    return name + index + ("" if node is None else f"#{node}")


def documents_of(
    deliveries: Sequence[EventDelivery], owner: User, *, in_full: int | None = None
) -> dict[int, Document | Lost]:
    """What is sent of each delivery, by its id, as far as the rule's owner may see it now.

    With `in_full`, of those of jobs behind the first so many only an outline: what the delivery itself says. A constant
    number of queries for each `DOCUMENTS`, and for all outlines.
    """
    whole = deliveries[:in_full]
    found: dict[int, Document | Lost] = {}
    for first in range(0, len(whole), DOCUMENTS):
        found.update(_documents_of(whole[first : first + DOCUMENTS], owner, _of_jobs))
    if rest := deliveries[len(whole) :]:
        found.update(_documents_of(rest, owner, _outlines))
    return found


def alarm_event(change: AlarmChange, alarm: Alarm) -> dict[str, Any]:
    """The event of an alarm's change, as CloudWatch tells it to EventBridge. One query.

    What the metric is said to be is the alarm's rule as it is now.
    """
    earlier = AlarmChange.objects.filter(alarm_id=alarm.pk, id__lt=change.pk).order_by("-id")
    # One that is only thought of has no history.
    return _alarm_event(change, alarm, earlier.first() if change.pk else None)


def alarm_events(row_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """The same of changes that are there, by their ids. Two queries."""
    earlier = AlarmChange.objects.filter(alarm_id=OuterRef("alarm_id"), id__lt=OuterRef("pk"))
    rows = AlarmChange.objects.select_related("alarm__queue", "alarm__environment").annotate(
        before_id=Subquery(earlier.order_by("-id").values("pk")[:1])
    )
    found = rows.in_bulk(row_ids)
    before = AlarmChange.objects.in_bulk([row.before_id for row in found.values() if row.before_id])
    return {
        pk: _alarm_event(row, row.alarm, before.get(row.before_id)) for pk, row in found.items()
    }


def document(event: Mapping[str, Any]) -> Document:
    """An event as it is sent."""
    return Document(str(event["id"]), json.dumps(event, ensure_ascii=False, separators=(",", ":")))


def test_event(rule: EventRule, delivery: EventDelivery) -> dict[str, Any]:
    """What is sent to try a rule."""
    return {
        **_head(delivery.pk, "test", events.OWN, events.TEST_EVENT, delivery.at),
        "resources": [],
        "detail": {
            "rule": rule.name,
            "message": "Somebody tries whether what this rule sends arrives. Nothing has happened.",
        },
    }


def _documents_of(
    deliveries: Iterable[EventDelivery], owner: User, of_jobs: "_OfJobs"
) -> dict[int, Document | Lost]:
    by_kind: dict[str, list[EventDelivery]] = {}
    for each in deliveries:
        by_kind.setdefault(each.kind, []).append(each)
    found: dict[int, Document | Lost] = {}
    for kind, some in by_kind.items():
        if kind == EventKind.TEST:
            found.update({each.pk: _test_of(each) for each in some})
        elif kind == EventKind.ALARM:
            found.update(_of_alarms(some))
        else:
            found.update(of_jobs(EventKind(kind), some, owner))
    return found


def _alarm_event(change: AlarmChange, alarm: Alarm, before: AlarmChange | None) -> dict[str, Any]:
    previous: dict[str, Any] = {"value": change.from_state}
    if before is not None:
        previous.update(reason=before.reason, timestamp=_moment(before.at))
    realm = arns()
    return {
        **_head(change.pk, "alarm", events.CLOUDWATCH, events.ALARM_CHANGE, change.at),
        "resources": [
            f"arn:aws:cloudwatch:{realm.region}:{realm.account}:alarm:{alarm.name}",
        ],
        "detail": {
            "alarmName": alarm.name,
            "configuration": {"description": rule_of(alarm).in_words, "metrics": [_metric(alarm)]},
            "previousState": previous,
            "state": {
                "value": change.to_state,
                "reason": change.reason,
                "timestamp": _moment(change.at),
            },
        },
    }


def _test_of(delivery: EventDelivery) -> Document:
    return document(test_event(delivery.rule, delivery))


def _of_alarms(deliveries: Sequence[EventDelivery]) -> dict[int, Document | Lost]:
    found = alarm_events([each.row_id for each in deliveries if each.row_id is not None])
    return {
        each.pk: document(found[each.row_id]) if each.row_id in found else Lost(ALARM_GONE)
        for each in deliveries
    }


def _of_jobs(
    kind: EventKind, deliveries: Sequence[EventDelivery], owner: User
) -> dict[int, Document | Lost]:
    rows = rows_of(kind, [each.row_id for each in deliveries if each.row_id is not None])
    seen = [row for row in rows if may_see(owner, row.job)]
    texts = dict(zip((row.pk for row in seen), write_events(seen), strict=True)) if seen else {}
    there = {row.pk for row in rows}
    found: dict[int, Document | Lost] = {}
    for each in deliveries:
        text = texts.get(each.row_id) if each.row_id else None
        if text is not None:
            found[each.pk] = Document(json.loads(text)["id"], text)
        else:
            found[each.pk] = Lost(NOT_HIS if each.row_id in there else JOB_GONE)
    return found


def _outlines(
    kind: EventKind, deliveries: Sequence[EventDelivery], owner: User
) -> dict[int, Document | Lost]:
    rows = TABLE_OF[kind].objects.filter(pk__in=[each.row_id for each in deliveries])
    there = set(rows.values_list("pk", flat=True))
    seen = set(seen_by(rows, owner).values_list("pk", flat=True))
    found: dict[int, Document | Lost] = {}
    for each in deliveries:
        if each.row_id in seen:
            found[each.pk] = document(_outline(kind, each))
        else:
            found[each.pk] = Lost(NOT_HIS if each.row_id in there else JOB_GONE)
    return found


def _outline(kind: EventKind, delivery: EventDelivery) -> dict[str, Any]:
    is_block = kind == EventKind.BLOCK
    detail_type = events.DetailType.QUEUE_BLOCKED if is_block else events.DetailType.STATE_CHANGE
    names = {"jobName": delivery.name, "jobId": str(delivery.job_id), "status": delivery.status}
    head = _head(
        delivery.row_id or 0, f"outline/{kind}", events.BATCH, str(detail_type), delivery.at
    )
    return {**head, "detail": names}


def _head(row_id: int, kind: str, source: str, detail_type: str, at: datetime) -> dict[str, Any]:
    realm = arns()
    name = f"{realm.account}/{realm.region}/{kind}/{row_id}/{_moment(at)}"
    return {
        "version": "0",
        "id": str(uuid5(EVENT_IDS, name)),
        "detail-type": detail_type,
        "source": source,
        "account": realm.account,
        "time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": realm.region,
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _metric(alarm: Alarm) -> dict[str, Any]:
    dimensions = {}
    if alarm.queue:
        dimensions["JobQueue"] = alarm.queue.name
    if alarm.environment:
        dimensions["ComputeEnvironment"] = alarm.environment.name
    metric = {"namespace": "Batchweb", "name": alarm.metric, "dimensions": dimensions}
    return {
        "id": "m1",
        "metricStat": {"metric": metric, "period": alarm.period_minutes * 60},
        "returnData": True,
    }
