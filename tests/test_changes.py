"""What a commit has to say is said once."""

import json

import pytest
from django.db import transaction

from jobs import changes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    messages: list[tuple[str, str]] = []
    monkeypatch.setattr(
        changes, "_send", lambda channel, message: messages.append((channel, message))
    )
    return messages


def test_a_transaction_sends_one_message_with_all_topics_and_one_wake_up(
    sent: list[tuple[str, str]],
) -> None:
    with transaction.atomic():
        changes.publish(["jobs", "job:1"])
        with transaction.atomic(savepoint=False):
            changes.publish(["jobs", "job:2"])
            changes.wake_scheduler()
        changes.wake_scheduler()
        assert sent == []
    topics = json.dumps(["job:1", "job:2", "jobs"])
    assert sent == [(changes.CHANGES_CHANNEL, topics), (changes.WAKE_CHANNEL, "")]


def test_outside_of_a_transaction_each_is_sent_at_once(sent: list[tuple[str, str]]) -> None:
    changes.publish(["queues"])
    changes.wake_scheduler()
    assert sent == [(changes.CHANGES_CHANNEL, '["queues"]'), (changes.WAKE_CHANNEL, "")]


def test_the_next_transaction_begins_anew(sent: list[tuple[str, str]]) -> None:
    for topic in ("queues", "pulls"):
        with transaction.atomic():
            changes.publish([topic])
    assert [message for _, message in sent] == ['["queues"]', '["pulls"]']


def test_a_rolled_back_savepoint_takes_no_news_of_others_along(
    sent: list[tuple[str, str]],
) -> None:
    with transaction.atomic():
        changes.publish(["queues"])
        with transaction.atomic():
            changes.publish(["pulls"])
            transaction.set_rollback(True)
        changes.publish(["jobs"])
    assert [message for _, message in sent] == ['["jobs", "queues"]']


def test_blocks_that_can_be_rolled_back_apart_send_apart(
    sent: list[tuple[str, str]],
) -> None:
    with transaction.atomic():
        with transaction.atomic():
            changes.publish(["queues"])
        with transaction.atomic():
            changes.publish(["pulls"])
    assert [message for _, message in sent] == ['["queues"]', '["pulls"]']
