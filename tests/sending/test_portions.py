"""A long history is read in portions: each whole or not at all, whoever dies or reads beside it, and in bounds."""

from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

import pytest
from django.utils import timezone

from jobs.domain import event_patterns
from jobs.models import EventDelivery, Job
from jobs.selectors.events.history import NOTHING_READ, EventRow, settled_ids
from jobs.selectors.events.lines import lines_after
from jobs.services.sending import following, matching, outbox
from jobs.services.sending.documents import events_to_read
from jobs.services.sending.following import follow_events, is_behind
from jobs.services.sending.outbox import Wanted
from tests.builders import a_definition, a_job, an_array, an_event_rule

from .conftest import Follow, happened, put_down

pytestmark = pytest.mark.django_db
FAILED = {"detail-type": ["Batch Job State Change"], "detail": {"status": ["FAILED"]}}


def children_of(array: Job) -> list[Job]:
    return list(Job.objects.filter(parent=array).order_by("array_index"))


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

    def make(row: EventRow) -> Event:
        nonlocal most
        found = Event(events_to_read([row])(row))
        read.append(ref(found))
        most = max(most, sum(each() is not None for each in read))
        return found

    monkeypatch.setattr(matching, "events_to_read", lambda _: make)
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

    def counted(wanted: Sequence[Wanted], **given: Any) -> None:
        sizes.append(len(wanted))
        outbox.put_down(wanted, **given)

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


@pytest.mark.parametrize("breaks", ["all", "one"])
def test_a_row_or_a_pattern_that_breaks_stops_no_other(
    follow: Follow, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    reaching = {"detail": {"jobId": [{"exists": True}], "status": ["FAILED"]}}
    an_event_rule(name="whole", pattern=reaching)
    an_event_rule(name="broken", pattern={"detail": {"status": 5}})
    an_event_rule(name="broken-within", pattern={"detail": {"jobId": [{"numeric": 5}]}})
    for name in ("one", "odd", "two"):
        happened(a_job(name=name))

    def read(rows: Sequence[EventRow]) -> Callable[[EventRow], dict[str, Any]]:
        if breaks == "all" and any(row.job.name == "odd" for row in rows):
            raise ValueError
        made = events_to_read(rows)
        return lambda row: made(row if row.job.name != "odd" else None)  # type: ignore[arg-type]

    monkeypatch.setattr(matching, "events_to_read", read)
    follow()
    assert put_down() == [("whole", "one", "FAILED"), ("whole", "two", "FAILED")]
    assert not is_behind()


def test_children_are_looked_at_together_and_others_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(matching, "DOCUMENTS", 2)
    monkeypatch.setattr(matching, "LINES", 5)
    one, other = an_array(4), an_array(3)
    for job in [
        a_job(),
        *children_of(one),
        a_job(),
        a_job(),
        *children_of(other),
        *children_of(one),
    ]:
        happened(job)
    line = lines_after(NOTHING_READ, settled=settled_ids().ids, limit=100).lines
    fresh = [each for each in line if each.status == "FAILED"]
    parts = list(matching._together(fresh))
    assert [len(part) for part in parts] == [5, 2, 5, 2]
    assert [each for part in parts for each in part] == fresh


def test_what_children_share_is_read_and_compared_once(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = [{"name": f"V{number}", "value": "x"} for number in range(100)]
    array = an_array(20, definition=a_definition(environment=variables))
    name = [{"suffix": "V99"}, {"suffix": "V98"}]
    an_event_rule(pattern={"detail": {"container": {"environment": {"name": name}}}})
    asked = 0
    matches = event_patterns._text_matches

    def counted(*args: Any) -> bool:
        nonlocal asked
        asked += 1
        return matches(*args)

    monkeypatch.setattr(event_patterns, "_text_matches", counted)
    for _ in range(2):
        for child in children_of(array):
            happened(child)
        asked = 0
        follow()
        # Each variable with each name, of all twenty together.
        assert 100 <= asked <= 200
    assert EventDelivery.objects.count() == 1 + 3 * 20
