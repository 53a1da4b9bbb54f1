"""A queue's policy, backfill and time-limit rules: how they are set, kept and shown."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.domain.errors import InvalidInput
from jobs.domain.states import JobStatus
from jobs.models import JobQueue, ShareUsage
from jobs.selectors.policies import shares_of
from jobs.services.setup.queues import create_queue, update_queue
from tests.builders import NOW, a_job, a_policy, a_queue, an_attempt, an_environment

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}
FULL = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
RULE = {"reason": FULL, "state": "RUNNABLE", "maxTimeSeconds": 600, "action": "CANCEL"}


def test_a_queue_is_first_in_first_out_with_backfill_unless_told_otherwise() -> None:
    an_environment(name="a")
    queue = create_queue(fields={"name": "q", "environments": ["a"]}, now=NOW)
    assert (queue.scheduling_policy, queue.backfill, queue.time_limit_actions) == (None, True, [])


@pytest.mark.parametrize("rules", [[RULE], json.dumps([RULE])])
def test_a_queue_takes_a_policy_and_rules_as_a_list_or_as_text(rules: object) -> None:
    an_environment(name="a")
    policy = a_policy(name="fair")
    fields = {
        "name": "q",
        "environments": ["a"],
        "scheduling_policy": "fair",
        "backfill": "false",
        "time_limit_actions": rules,
    }
    queue = create_queue(fields=fields, now=NOW)
    assert (queue.scheduling_policy, queue.backfill) == (policy, False)
    assert queue.time_limit_actions == [RULE]
    update_queue(queue=queue, fields={"priority": 2})
    queue.refresh_from_db()
    assert (queue.scheduling_policy, queue.backfill) == (policy, False)
    assert queue.time_limit_actions == [RULE]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scheduling_policy": "nothing"}, "scheduling_policy"),
        ({"scheduling_policy": 5}, "scheduling_policy"),
        ({"backfill": "perhaps"}, "backfill"),
        ({"time_limit_actions": [{**RULE, "maxTimeSeconds": 599}]}, "time_limit_actions"),
        ({"time_limit_actions": [{**RULE, "action": "TERMINATE"}]}, "time_limit_actions"),
        ({"time_limit_actions": "["}, "time_limit_actions"),
    ],
)
def test_a_refusal_names_the_field(fields: dict[str, Any], field: str) -> None:
    an_environment(name="a")
    with pytest.raises(InvalidInput) as caught:
        create_queue(fields={"name": "q", "environments": ["a"], **fields}, now=NOW)
    assert list(caught.value.errors) == [field]
    assert not JobQueue.objects.exists()


def test_a_queue_keeps_its_kind_and_may_change_its_policy() -> None:
    other = a_policy(name="other")
    fair, fifo = a_queue(scheduling_policy=a_policy()), a_queue()
    with pytest.raises(InvalidInput, match="keeps one: choose another"):
        update_queue(queue=fair, fields={"scheduling_policy": ""})
    with pytest.raises(InvalidInput, match="stays first in, first out"):
        update_queue(queue=fifo, fields={"scheduling_policy": "other"})
    update_queue(queue=fifo, fields={"scheduling_policy": ""})
    assert (
        update_queue(queue=fair, fields={"scheduling_policy": "other"}).scheduling_policy_id
        == other.pk
    )


def test_a_policy_backfill_and_rules_are_set_with_a_plain_form(client: Client, boss: User) -> None:
    an_environment(name="a")
    a_policy(name="fair")
    assert "None: first in, first out" in client.get("/new/queue/").text
    form: dict[str, Any] = {
        "name": "q",
        "priority": "1",
        "state": "ENABLED",
        "environments": ["a", "", ""],
        "scheduling_policy": "fair",
        "backfill": ["false", "true"],
        "rule_reason": ["", FULL],
        "rule_seconds": ["", "7200"],
    }
    client.post("/queues/", form)
    queue = JobQueue.objects.get()
    assert queue.backfill
    assert queue.time_limit_actions == [{**RULE, "maxTimeSeconds": 7200}]
    page = client.get("/queues/q/").text
    assert "After 2 h 0 min at the head" in page
    assert FULL in page
    assert "Smaller jobs may pass" in page
    assert "No share has used anything yet" in page
    edit = client.get("/queues/q/edit/")
    assert [rule["reason"] for rule in edit.context["rules"]] == [FULL]
    assert "None: first in" not in edit.text
    # A form whose box has no mark and whose rows were all removed.
    form |= {"backfill": ["false"], "rule_reason": [""], "rule_seconds": [""]}
    client.post("/queues/q/", form)
    queue.refresh_from_db()
    assert (queue.backfill, queue.time_limit_actions) == (False, [])
    assert "fair share by" in client.get("/queues/").text


def test_a_refused_rule_is_drawn_again_beside_its_error(client: Client, boss: User) -> None:
    a_queue(an_environment(name="a"), name="q")
    form = {"rule_reason": [FULL], "rule_seconds": ["60"], "backfill": "false"}
    page = client.post("/queues/q/", form)
    assert page.status_code == 400
    assert 'value="60"' in page.text
    assert "maxTimeSeconds: This is a whole number of seconds, 600 to 86400." in page.text
    assert not page.context["backfill"]
    page = client.post("/queues/q/", {"scheduling_policy": "x", "backfill": "perhaps"})
    assert "stays first in, first out" in page.text


def test_scripts_see_and_set_the_same(client: Client, boss: User) -> None:
    a_policy(name="fair")
    an_environment(name="a")
    fields = {"name": "q", "environments": ["a"], "scheduling_policy": "fair", "backfill": False}
    made = client.post("/queues/", fields, content_type="application/json", headers=JSON).json()
    assert (made["scheduling_policy"], made["backfill"]) == ("fair", False)
    changed = client.post(
        "/queues/q/", {"time_limit_actions": json.dumps([RULE])}, headers=JSON
    ).json()
    assert changed["time_limit_actions"] == [RULE]


def test_shares_show_what_they_used_and_use_against_their_weights(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    policy = a_policy(shares={"light": 0.5, "team*": 2.0}, share_decay_seconds=3600)
    queue = a_queue(scheduling_policy=policy)
    ShareUsage.objects.create(
        queue=queue, share_identifier="light", milli_vcpu_seconds=100_000, as_of=NOW
    )
    ShareUsage.objects.create(
        queue=queue,
        share_identifier="gone",
        milli_vcpu_seconds=100_000 * 2.718281828,
        as_of=NOW - timedelta(hours=1),
    )
    a_job(queue=queue, status=JobStatus.RUNNABLE, share_identifier="team1")
    running = a_job(
        queue=queue, status=JobStatus.RUNNING, share_identifier="light", attempts_made=1
    )
    an_attempt(job=running, milli_vcpus=2000)
    with django_assert_num_queries(3):
        shares = shares_of(queue=queue, now=NOW)
    rows = {row.share_identifier: row for row in shares.rows}
    assert {share: row.weight_factor for share, row in rows.items()} == {
        "light": 0.5,
        "gone": 1.0,
        "team1": 2.0,
    }
    assert rows["gone"].used_vcpu_seconds == pytest.approx(100)
    assert rows["light"].part == pytest.approx(0.5)
    assert rows["light"].fair_part == pytest.approx(2 / 3.5)
    assert (rows["light"].running_milli_vcpus, rows["team1"].waiting) == (2000, 1)
    assert shares_of(queue=queue, now=NOW, size=1).hidden == 2
    assert shares_of(queue=a_queue(), now=NOW).rows == []


def test_the_page_of_a_fair_share_queue_draws_its_shares(client: Client, visitor: User) -> None:
    queue = a_queue(name="q", scheduling_policy=a_policy(name="fair", shares={"a": 0.5}))
    for share in ("a", "b"):
        ShareUsage.objects.create(
            queue=queue, share_identifier=share, milli_vcpu_seconds=1000, as_of=NOW
        )
    page = client.get("/queues/q/").text
    assert "fair: 67 %" in page
    assert page.count("bw-share-bar") == 2
