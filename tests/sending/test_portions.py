"""A long history is read in portions: each whole or not at all, whoever dies or reads beside it, and in bounds."""

import json
from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from weakref import ref

import pytest
from django.utils import timezone

from jobs.models import (
    EventDelivery,
)
from jobs.selectors.event_lines import lines_after
from jobs.selectors.events import EventRow
from jobs.services.sending import following, matching, outbox
from jobs.services.sending.documents import write_events
from jobs.services.sending.following import follow_events, is_behind
from jobs.services.sending.outbox import Wanted
from tests.builders import a_job, an_event_rule

from .conftest import Follow, happened, put_down

pytestmark = pytest.mark.django_db
FAILED = {"detail-type": ["Batch Job State Change"], "detail": {"status": ["FAILED"]}}


def test_who_dies_in_a_portion_has_put_nothing_down(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = an_event_rule(pattern=FAILED)
    happened(a_job(name="one"))

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # Behind the last write of the transaction that puts it down.
        patch.setattr(outbox, "hand_over_sending", die)
        with pytest.raises(KeyboardInterrupt):
            follow()
    assert not EventDelivery.objects.exists()
    assert is_behind()
    follow()
    assert put_down() == [(rule.name, "one", "FAILED")]


def test_of_two_who_read_the_same_one_puts_it_down(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = an_event_rule(pattern=FAILED)
    happened(a_job(name="one"))
    read = lines_after

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        found = read(*args, **kwargs)
        monkeypatch.setattr(following, "lines_after", read)
        follow()
        return found

    monkeypatch.setattr(following, "lines_after", overtaken)
    follow()
    assert put_down() == [(rule.name, "one", "FAILED")]


def test_a_long_history_is_read_in_portions(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PORTION", 2)
    monkeypatch.setattr(matching, "DOCUMENTS", 1)
    monkeypatch.setattr(following, "SECONDS_AT_ONCE", -1.0)
    an_event_rule(pattern={"detail": {"status": ["FAILED"], "jobId": [{"exists": True}]}})
    for name in "abcde":
        happened(a_job(name=name))
    follow()
    assert [name for _, name, _ in put_down()] == ["a", "b", "c", "d", "e"]


def test_an_event_is_dropped_before_the_next_is_read(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Event(dict[str, Any]):
        pass

    read: list[ref[Event]] = []
    most = 0

    def loads(text: str) -> Event:
        nonlocal most
        found = Event(json.loads(text))
        read.append(ref(found))
        most = max(most, sum(each() is not None for each in read))
        return found

    monkeypatch.setattr(matching, "json", SimpleNamespace(loads=loads))
    an_event_rule(pattern={"detail": {"jobId": [{"exists": True}]}})
    for _ in range(5):
        happened(a_job())
    follow()
    assert EventDelivery.objects.count() == 10
    # The last one lives until another takes its name.
    assert most <= 2


def test_a_transaction_puts_down_a_bounded_number_for_all_rules(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "WANTED_AT_ONCE", 4)
    for _ in range(3):
        an_event_rule(pattern=FAILED)
    for _ in range(5):
        happened(a_job())
    sizes: list[int] = []

    def counted(wanted: Sequence[Wanted], *, now: datetime) -> None:
        sizes.append(len(wanted))
        outbox.put_down(wanted, now=now)

    monkeypatch.setattr(following, "put_down", counted)
    follow()
    assert sizes == [6, 6, 3]
    assert not is_behind()


def test_what_takes_long_to_find_is_put_down_as_far_as_it_is_found(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SECONDS_OF_PART", -1.0)
    monkeypatch.setattr(following, "SECONDS_AT_ONCE", -1.0)
    an_event_rule(pattern=FAILED)
    happened(a_job(name="first"))
    happened(a_job(name="second"))
    found = []
    while is_behind():
        follow_events(now=timezone.now())
        found.append([name for _, name, _ in put_down()])
    assert found[-2:] == [["first"], ["first", "second"]]


def test_a_row_or_a_pattern_that_breaks_stops_no_other(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    reaching = {"detail": {"jobId": [{"exists": True}], "status": ["FAILED"]}}
    an_event_rule(name="whole", pattern=reaching)
    an_event_rule(name="broken", pattern={"detail": {"status": 5}})
    an_event_rule(name="broken-within", pattern={"detail": {"jobId": [{"numeric": 5}]}})
    for name in ("one", "odd", "two"):
        happened(a_job(name=name))

    def write(rows: Sequence[EventRow]) -> list[str]:
        if any(row.job.name == "odd" for row in rows):
            raise ValueError
        return write_events(rows)

    monkeypatch.setattr(matching, "write_events", write)
    follow()
    assert put_down() == [("whole", "one", "FAILED"), ("whole", "two", "FAILED")]
    assert not is_behind()
