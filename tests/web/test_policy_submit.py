"""Who is denied a submission learns it at the form, before he sends it, in the words of the refusal."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from jobs.models import Job
from tests.builders import a_definition, a_queue, an_access_policy
from tests.statements import ARN, deny
from tests.web.conftest import HTML, script_of

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", **HTML}
SUBMIT = "batch:SubmitJob"
FORM: dict[str, Any] = {"name": "a", "queue": "high", "definition": "hello", "loaded": "hello"}


@pytest.fixture(autouse=True)
def setup(db: None) -> None:
    a_queue(name="high")
    a_queue(name="low")
    a_definition(name="hello")


def refusal(resource: str, statement: str = "1", action: str = SUBMIT) -> str:
    return (
        f"User bob is not authorized to perform: {action} on resource: {ARN}{resource} "
        f"because policy students (statement {statement}) denies it."
    )


def wrong(bob: User, **fields: Any) -> dict[str, list[str]]:
    """What the check of the form says, by field."""
    asked = {**FORM, **fields}
    answer = script_of(bob).post("/submit/check/", asked, content_type="application/json")
    errors: dict[str, list[str]] = answer.json()["errors"]
    return errors


def test_the_form_says_so_at_the_queue_and_beside_the_button(bobs_page: Client, bob: User) -> None:
    an_access_policy(deny(SUBMIT, f"{ARN}job-queue/high"), name="students", users=[bob])
    text = bobs_page.get("/submit/?queue=high&definition=hello", headers=HTML).text
    assert f'aria-live="polite"><p>{refusal("job-queue/high")}</p>' in text
    assert '<a href="#error-queue">a policy denies it</a>' in text
    assert "It would be refused:</strong> an access policy denies it." in text
    other = bobs_page.get("/submit/?queue=low&definition=hello", headers=HTML).text
    assert "denies it" not in other
    # And nothing is refused that the form does not tell, nor the other way round.
    assert bobs_page.post("/submit/", FORM, headers=HTML).status_code == 403
    assert bobs_page.post("/submit/", {**FORM, "queue": "low"}, headers=HTML).status_code == 302


def test_it_is_told_while_the_form_is_filled_in(bobs_page: Client, bob: User) -> None:
    an_access_policy(deny(SUBMIT, f"{ARN}job-definition/hello"), name="students", users=[bob])
    drawn = bobs_page.post("/submit/check/", FORM, headers=HTMX).text
    told = f"<p>{refusal('job-definition/hello:1')}</p>"
    assert (
        f'id="error-definition" class="bw-field-errors" aria-live="polite" hx-swap-oob="true">{told}'
        in drawn
    )
    assert 'id="submit-denied" class="bw-warns" hx-swap-oob="true">' in drawn
    assert '<a href="#error-definition">a policy denies it</a>' in drawn
    filled = bobs_page.post("/submit/fill/", FORM, headers=HTML).text
    assert told in filled
    assert wrong(bob) == {"definition": [refusal("job-definition/hello:1")]}
    # Without a queue there is nothing yet that could be asked.
    assert wrong(bob, queue="") == {}
    assert not Job.objects.exists()


CONDITIONS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"StringNotLike": {"batch:Image": "*busybox*"}}, {"image": "alpine"}, "image"),
    ({"StringLike": {"batch:Image": "*busybox*"}}, {}, "definition"),
    ({"NumericGreaterThan": {"batchweb:ArraySize": "5"}}, {"array_size": "6"}, "array_size"),
    ({"NumericGreaterThan": {"batchweb:MemoryMib": "99"}}, {"memory_mib": "100"}, "memory_mib"),
    ({"StringEquals": {"aws:RequestTag/team": "x"}}, {"tags": {"team": "x"}}, "tags"),
    ({"Null": {"aws:RequestTag/team": "true"}}, {}, "tags"),
]


@pytest.mark.parametrize(("condition", "fields", "field"), CONDITIONS)
def test_it_stands_at_the_field_that_a_condition_asks_for(
    condition: dict[str, Any], fields: dict[str, Any], field: str, bob: User
) -> None:
    an_access_policy(deny(SUBMIT, Condition=condition), name="students", users=[bob])
    assert wrong(bob, **fields) == {field: [refusal("job-queue/high")]}


def test_tags_that_he_may_not_set_are_told_at_the_tags(bob: User) -> None:
    an_access_policy(deny("batch:TagResource"), name="students", users=[bob])
    told = refusal("job/*", action="batch:TagResource")
    assert wrong(bob, tags={"team": "x"}) == {"tags": [told]}
    assert wrong(bob) == {}


def test_who_has_no_policies_pays_nothing_for_it(bobs_page: Client, bob: User) -> None:
    def queries(send: Callable[[], Any]) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            send()
        return [each["sql"] for each in captured.captured_queries]

    def check() -> list[str]:
        return queries(lambda: bobs_page.post("/submit/check/", FORM, headers=HTMX))

    check()
    before = check()
    # In the query that reads the user himself.
    assert sum("accesspolicy" in sql for sql in before) == 1
    an_access_policy(deny(SUBMIT, f"{ARN}job-queue/low"), name="students", users=[bob])
    extra = len(check()) - len(before)
    for number in range(5):
        an_access_policy(deny(SUBMIT, f"{ARN}job-queue/low"), name=f"p{number}", users=[bob])
    assert len(check()) - len(before) == extra
