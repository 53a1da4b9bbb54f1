"""May he do this? The check of access policies, of one policy alone, and of oneself."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.builders import a_definition, a_queue, a_user, an_access_policy
from tests.statements import ARN, OWN, deny
from tests.web.conftest import HTML

pytestmark = pytest.mark.django_db
URL = "/access/policies/"
QUEUE = f"{ARN}job-queue/high"
DENY: dict[str, Any] = {"Sid": "No", **deny("batch:SubmitJob", QUEUE)}


def ask(client: Client, **fields: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{URL}check/", fields).json()
    return found


def test_the_check_says_what_decides(script: Client, bob: User, admin: User) -> None:
    sue = a_user(username="sue", is_staff=True)
    allow = {"Effect": "Allow", "Action": "batch:UpdateJobQueue", "Resource": QUEUE}
    privileged = {**DENY, "Sid": "P", "Condition": {"Bool": {"batch:Privileged": "true"}}}
    an_access_policy(privileged, allow, name="rules", users=[bob, sue, admin])
    submit = {"user": "bob", "action": "batch:SubmitJob", "resource": QUEUE}
    assert ask(script, **submit)["may"] is True
    denied = ask(script, **submit, context="batch:Privileged=true")
    assert (denied["may"], denied["policy"], denied["statement"]) == (False, "rules", "P")
    assert denied["says"].startswith("Denies to submit and rerun jobs")
    update = {"user": "bob", "action": "BATCH:updatejobqueue", "resource": QUEUE}
    given = ask(script, **update)
    assert (given["may"], given["why"]) == (True, "The policy rules (statement 2) allows it.")
    other = ask(script, **{**update, "resource": f"{QUEUE}2"})
    assert (other["may"], other["policy"]) == (False, "")
    assert ask(script, **{**update, "user": "sue", "resource": f"{QUEUE}2"})["may"] is True
    boss = ask(script, **{**submit, "user": "ada"}, context="batch:Privileged=true")
    assert (boss["may"], boss["why"]) == (True, "No policy binds a superuser.")
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert ask(script, **submit)["may"] is False


def test_the_check_looks_at_tags_and_log_groups_as_the_doors_do(script: Client, bob: User) -> None:
    def denies(action: str, resource: str, **more: Any) -> None:
        statement = {"Effect": "Deny", "Action": action, "Resource": resource, **more}
        an_access_policy(statement, users=[bob])

    groups = "arn:aws:logs:us-east-1:123456789012:log-group:"
    keys = {"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}
    denies("batch:TagResource", "*", Condition=keys)
    stage = {"StringEquals": {"aws:ResourceTag/stage": "prod"}}
    denies("batch:SubmitJob", "*", Condition=stage)
    denies("logs:CreateLogGroup", f"{groups}g:*")
    tagged = a_queue(name="tagged", tags={"Stage": "prod"})

    def may(action: str, resource: str = QUEUE, context: str = "") -> bool:
        asked = {"user": "bob", "action": action, "resource": resource, "context": context}
        return bool(ask(script, **asked)["may"])

    assert not may("batch:TagResource", context="aws:TagKeys=team")
    denied = ask(
        script, user="bob", action="batch:TagResource", resource=QUEUE, context="aws:TagKeys=team"
    )
    assert denied["policy"]
    assert may("batch:SubmitJob")
    assert not may("batch:SubmitJob", context="aws:ResourceTag/stage=prod")
    of_tagged = QUEUE.rpartition("/")[0] + f"/{tagged.name}"
    assert not may("batch:SubmitJob", of_tagged)
    assert may("batch:SubmitJob", of_tagged, "aws:ResourceTag/stage=test")
    for text in (f"{groups}g", f"{groups}g:*"):
        assert not may("logs:CreateLogGroup", text)
    assert may("logs:CreateLogGroup", f"{groups}g2")


def test_the_check_knows_what_no_allow_gives(script: Client, bob: User) -> None:
    a_definition(name="theirs", created_by=a_user(is_staff=True))
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    an_access_policy(everything, users=[bob])
    begin = QUEUE.rpartition("job-queue/")[0]
    for action, resource, why in (
        (
            "batchweb:UpdateEngine",
            "arn:aws:batchweb:us-east-1:123456789012:engine/e",
            "Only administrators",
        ),
        (
            "logs:DeleteLogGroup",
            "arn:aws:logs:us-east-1:123456789012:log-group:g",
            "Only administrators",
        ),
        (
            "batch:RegisterJobDefinition",
            f"{begin}job-definition/theirs",
            "belongs to somebody else",
        ),
        (
            "batch:DeregisterJobDefinition",
            f"{begin}job-definition/theirs:1",
            "belongs to somebody else",
        ),
    ):
        answer = ask(script, user="bob", action=action, resource=resource)
        assert (answer["may"], why in answer["why"]) == (False, True)
    new = ask(
        script,
        user="bob",
        action="batch:RegisterJobDefinition",
        resource=f"{begin}job-definition/new",
    )
    assert new["may"] is True


def test_the_check_says_what_is_wrong_with_the_question(page: Client) -> None:
    fields = {"user": "x", "action": "batch:Submit", "resource": "", "context": "a=b"}
    answer = page.get(f"{URL}check/", fields, headers=HTML)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "There is no user x." in text
    assert "This is no action that policies decide." in text
    assert "Give what it is done to: a name, or an ARN such as arn:aws:batch" in text
    assert "a=b: write key=value" in text


def test_the_check_takes_a_queue_and_a_definition_by_name(page: Client, bob: User) -> None:
    a_queue(name="high")
    an_access_policy(DENY, name="students").users.add(bob)
    asked = {"user": "bob", "action": "batch:SubmitJob", "queue": "high", "definition": "sim"}
    text = page.get(f"{URL}check/", asked, headers=HTML).text
    assert "No, bob may not batch:SubmitJob." in text
    assert f"<code>{QUEUE}</code>, <code>{ARN}job-definition/sim</code>" in text
    assert '<option value="job-queue/high">' in text
    assert 'id="answer"' in text
    assert '<div class="card-body" role="status">' in text
    assert "check/#answer" in text


NAMES: list[tuple[str, list[str], list[str]]] = [
    ("batch:UpdateJobQueue", ["high"], [QUEUE]),
    ("batch:UpdateJobQueue", ["job-queue/high"], [QUEUE]),
    ("batch:UpdateComputeEnvironment", [" main "], [f"{ARN}compute-environment/main"]),
    ("batch:SubmitJob", ["high", "sim:2"], [QUEUE, f"{ARN}job-definition/sim:2"]),
    ("batch:CancelJob", ["job/abc"], [f"{ARN}job/abc"]),
    ("batch:TagResource", ["alarm/a"], [f"{OWN}alarm/a"]),
    ("batchweb:CreateBudget", ["month"], [f"{OWN}budget/month"]),
    ("batchweb:UpdateSecret", ["db/password"], [f"{OWN}secret/db/password"]),
    (
        "batchweb:CreateRegistryLogin",
        ["registry.example.com/x"],
        [f"{OWN}registry-login/registry.example.com/x"],
    ),
    (
        "logs:CreateLogGroup",
        ["g/x"],
        ["arn:aws:logs:us-east-1:123456789012:log-group:g/x"],
    ),
]


@pytest.mark.parametrize(("action", "names", "arns"), NAMES)
def test_the_check_takes_names(
    action: str, names: list[str], arns: list[str], script: Client, bob: User
) -> None:
    a_queue(name="high")
    a_definition(name="sim")
    fields = {"user": "bob", "action": action, "resource": names}
    assert script.get(f"{URL}check/", fields).json()["on"] == arns


@pytest.mark.parametrize(
    ("action", "name", "told"),
    [
        ("batch:SubmitJob", "both", "both is the name of both a queue and a definition: write"),
        ("batch:SubmitJob", "none", "none is the name of no queue and no definition: write"),
        ("batch:TagResource", "high", "high: write of what kind it is, such as job-queue/default"),
    ],
)
def test_a_name_that_says_too_little_is_told(
    action: str, name: str, told: str, page: Client, bob: User
) -> None:
    a_queue(name="both")
    a_definition(name="both")
    fields = {"user": "bob", "action": action, "resource": name}
    answer = page.get(f"{URL}check/", fields, headers=HTML)
    assert answer.status_code == 400
    assert told in answer.text
    assert f'value="{name}"' in answer.text


def test_the_check_says_what_a_question_about_a_submission_leaves_out(
    script: Client, bob: User
) -> None:
    def note(*names: str) -> str:
        fields = {"user": "bob", "action": "batch:SubmitJob", "resource": names}
        return str(script.get(f"{URL}check/", fields).json()["note"])

    assert note("job-queue/high") == (
        "A submission is on a definition too, of which nothing was asked."
    )
    assert note("job-queue/high", "job-definition/x") == ""


def test_a_policy_s_page_says_what_it_would_do_by_itself(page: Client, bob: User) -> None:
    policy = an_access_policy(DENY, name="students")
    an_access_policy(deny("batch:SubmitJob"), name="others", users=[bob])
    one = f"{URL}{policy.pk}/"
    asked = {
        "user": "bob",
        "action": "batch:SubmitJob",
        "resource": ["job-queue/high", "job-definition/x"],
    }
    text = page.get(one, asked, headers=HTML).text
    assert "No, bob may not batch:SubmitJob, by this policy alone." in text
    assert "The policy students (statement No) denies it." in text
    asked["resource"] = ["job-queue/low", "job-definition/x"]
    assert "Yes, bob may batch:SubmitJob, by this policy alone." in page.get(one, asked).text
    wrong = page.get(one, {**asked, "user": "nobody"}, headers=HTML)
    assert wrong.status_code == 400
    assert "There is no user nobody." in wrong.text
    assert 'value="nobody"' in wrong.text
    assert not policy.users.exists()


def test_who_is_no_administrator_asks_of_himself(bobs_page: Client, bob: User) -> None:
    a_user(username="sue")
    an_access_policy(DENY, name="students", users=[bob])
    asked = {"action": "batch:SubmitJob", "resource": ["job-queue/high", "job-definition/x"]}
    text = bobs_page.get(f"{URL}check/", asked, headers=HTML).text
    assert "No, bob may not batch:SubmitJob." in text
    assert 'name="user"' not in text
    assert "sue" not in text
    for name in ("sue", "nobody"):
        others = bobs_page.get(f"{URL}check/", {**asked, "user": name}, headers=HTML)
        assert others.status_code == 403
