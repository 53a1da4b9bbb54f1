"""The pages of alarms, who may change them, and the banner of those that are raised."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.models import Alarm, AlarmChange, AlarmState, FollowMark, MetricSpan, QueueMetric
from jobs.web.contexts import alarms as contexts
from jobs.web.toasts import undo_of
from tests.builders import NOW, a_queue

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}
FORM = {
    "name": "failing",
    "metric": "FAILED_JOBS",
    "queue": "fast",
    "comparison": "GREATER_THAN",
    "threshold": "5",
    "period_minutes": "5",
    "periods": "2",
    "is_enabled": "true",
}


def an_alarm(name: str = "failing", **fields: Any) -> Alarm:
    values = {"metric": "FAILED_JOBS", "comparison": "GREATER_THAN", "threshold": 5}
    moments = {"created_at": NOW, "state_since": NOW}
    return Alarm.objects.create(name=name, **{**values, **moments, **fields})


def test_an_alarm_is_made_changed_and_deleted_with_plain_forms(client: Client, boss: User) -> None:
    a_queue(name="fast")
    assert "All queues together" in client.get("/new/alarm/?queue=fast").text
    assert client.post("/alarms/", FORM).headers["Location"] == "/alarms/failing/"
    page = client.get("/alarms/failing/").text
    assert "Jobs failed &gt; 5 in each of 2 times of 5 minutes" in page
    assert "Not looked at yet" in page
    edit = client.get("/alarms/failing/edit/").text
    assert 'value="5"' in edit
    assert "<option selected>fast</option>" in edit
    changed = client.post("/alarms/failing/", {**FORM, "threshold": "0.5"}, follow=True).text
    assert "The alarm failing is changed." in changed
    assert "Jobs failed &gt; 0.5" in changed
    assert client.post("/alarms/failing/delete/").headers["Location"] == "/alarms/"
    assert not Alarm.objects.exists()


def test_a_deletion_can_be_taken_back(client: Client, boss: User) -> None:
    a_queue(name="fast")
    client.post("/alarms/", {**FORM, "is_enabled": "false"})
    client.post("/alarms/failing/delete/")
    *_, told = client.get("/alarms/").context["messages"]
    found = undo_of(told)
    assert found
    client.post(found.url, dict(found.fields))
    again = Alarm.objects.get()
    assert (again.name, again.threshold, again.is_enabled) == ("failing", 5, False)
    assert again.queue
    assert again.queue.name == "fast"


def test_a_button_switches_an_alarm_off_and_on(client: Client, boss: User) -> None:
    an_alarm(state=AlarmState.ALARM)
    off = client.post("/alarms/failing/", {"is_enabled": "false"}, follow=True).text
    assert "The alarm failing is switched off." in off
    assert "Switch on" in off
    on = client.post("/alarms/failing/", {"is_enabled": "true"}, follow=True).text
    assert "The alarm failing is switched on." in on


def test_the_form_says_beforehand_what_a_name_and_a_value_are(client: Client, boss: User) -> None:
    client.force_login(boss)
    html = client.get("/new/alarm/").text
    assert "Letters, digits, hyphens and underscores." in html
    assert "jobs waiting (RUNNABLE): the mean of looks once a minute" in html


def test_a_refused_form_keeps_what_was_typed(client: Client, boss: User) -> None:
    page = client.post("/alarms/", {**FORM, "threshold": "lots"})
    assert page.status_code == 400
    assert set(page.context["errors"]) == {"queue", "threshold"}
    assert 'value="lots"' in page.text
    assert "There is no job queue named fast." in page.text
    an_alarm("kept")
    again = client.post("/alarms/kept/", {"periods": "0"})
    assert again.status_code == 400
    assert 'value="kept"' in again.text
    assert Alarm.objects.get().periods == 1


def test_a_script_makes_reads_and_changes_an_alarm(client: Client, boss: User) -> None:
    fields = {key: FORM[key] for key in ("name", "metric", "comparison", "threshold")}
    made = client.post("/alarms/", fields, content_type="application/json", headers=JSON)
    assert (made.status_code, made.headers["Location"]) == (201, "/alarms/failing/")
    assert made.json()["is_enabled"] is True
    changed = client.post("/alarms/failing/", {"threshold": 7}, headers=JSON).json()
    assert (changed["threshold"], changed["metric"]) == (7, "FAILED_JOBS")
    an_alarm("other", state=AlarmState.ALARM)
    found = client.get("/alarms/?state=ALARM", headers=JSON).json()
    assert [(row["name"], row["state"]) for row in found["results"]] == [("other", "ALARM")]
    wrong = client.post("/alarms/failing/", {"comparison": "="}, headers=JSON)
    assert set(wrong.json()["errors"]) == {"comparison"}
    assert client.get("/alarms/nothing/", headers=JSON).status_code == 404
    assert client.get("/alarms/failing/", headers=JSON).json()["history"] == []


def test_all_see_alarms_and_only_administrators_change_them(client: Client, visitor: User) -> None:
    an_alarm()
    assert "New alarm" not in client.get("/alarms/").text
    page = client.get("/alarms/failing/").text
    assert "Delete" not in page
    assert "Switch off" not in page
    for path in ("/new/alarm/", "/alarms/failing/edit/"):
        assert client.get(path).status_code == 403
    for path in ("/alarms/", "/alarms/failing/", "/alarms/failing/delete/"):
        assert client.post(path, FORM).status_code == 403


def test_the_list_is_searched_and_says_what_to_do_when_empty(client: Client, boss: User) -> None:
    assert "Make an alarm" in client.get("/alarms/").text
    an_alarm("research", state=AlarmState.OK)
    assert "No alarm matches" in client.get("/alarms/?q=zzz").text
    assert "No alarm matches" in client.get("/alarms/?state=ALARM").text
    assert "research" in client.get("/alarms/?q=sear&state=OK").text


def test_the_history_is_paged_newest_first(client: Client, boss: User) -> None:
    alarm = an_alarm()
    for number in range(30):
        AlarmChange.objects.create(
            alarm=alarm, from_state="OK", to_state="ALARM", at=NOW, reason=f"reason {number:02}"
        )
    page = client.get("/alarms/failing/")
    assert "reason 29" in page.text
    assert "reason 04" not in page.text
    older = client.get(page.context["older_url"]())
    assert "reason 04" in older.text
    assert older.context["older_url"]() is None
    assert 'href="/alarms/failing/"' in older.text
    refused = client.get("/alarms/failing/?before=x")
    assert refused.status_code == 400
    assert "before: This is a whole number, 0 or more." in refused.text


def test_the_page_draws_the_values_against_the_threshold(client: Client, boss: User) -> None:
    until = timezone.now().replace(second=0, microsecond=0)
    QueueMetric.objects.create(
        seconds=MetricSpan.MINUTE, start=until - timedelta(minutes=3), queue=a_queue(), failed=4
    )
    FollowMark.objects.create(name="metrics", until=until)
    an_alarm()
    page = client.get("/alarms/failing/")
    chart = page.context["chart"]()
    assert chart.curves[0].values[-1] == 4
    assert set(chart.curves[1].values) == {5}
    assert 'data-chart="line"' in page.text


def test_raised_alarms_have_a_banner(client: Client, boss: User) -> None:
    an_alarm("quiet", state=AlarmState.OK)
    an_alarm("off", state=AlarmState.ALARM, is_enabled=False)
    an_alarm("loud", state=AlarmState.ALARM, state_reason="jobs failed > 5")
    drawn = render_to_string("includes/alarms_banner.html", {"alarms": contexts.raised()})
    assert "jobs failed &gt; 5" in drawn
    assert 'href="/alarms/loud/"' in drawn
    assert "quiet" not in drawn
    assert "off" not in drawn


@pytest.mark.parametrize("count", [1, 12])
def test_the_list_takes_as_many_queries_however_many_there_are(
    client: Client, boss: User, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        an_alarm(f"alarm-{number}", queue=a_queue(), state=AlarmState.ALARM)
    # Session, user, and the alarms with their queues.
    with django_assert_num_queries(3):
        client.get("/alarms/")


def test_the_administration_makes_changes_and_deletes_alarms(client: Client, boss: User) -> None:
    a_queue(name="fast")
    add = reverse("admin:jobs_alarm_add")
    assert client.post(add, FORM).status_code == 302
    alarm = Alarm.objects.get()
    change = reverse("admin:jobs_alarm_change", args=[alarm.pk])
    client.post(change, {**FORM, "threshold": "12.5"})
    alarm.refresh_from_db()
    assert alarm.threshold == 12.5
    wrong = client.post(change, {**FORM, "queue": "none", "environment": "some"})
    assert set(wrong.context["adminform"].form.errors) == {"queue", "environment"}
    client.post(reverse("admin:jobs_alarm_delete", args=[alarm.pk]), {"post": "yes"})
    assert not Alarm.objects.exists()
