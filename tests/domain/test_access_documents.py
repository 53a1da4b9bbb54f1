"""Documents of access policies: what is refused, by its place and with the fix, and what they say in words."""

import json
from typing import Any

import pytest

from jobs.domain import access_documents as documents
from jobs.domain.access_actions import ACTIONS
from jobs.domain.access_documents import document, statements_in
from jobs.domain.access_words import examples, in_words
from jobs.domain.arns import Arns
from jobs.domain.validation import FieldError

ARNS = Arns("123456789012", "us-east-1")
QUEUE = ARNS.of("job-queue", "short")


def with_statement(**members: Any) -> dict[str, Any]:
    statement = {"Effect": "Deny", "Action": "batch:SubmitJob", "Resource": QUEUE, **members}
    kept = {name: value for name, value in statement.items() if value is not None}
    return {"Version": "2012-10-17", "Statement": [kept]}


def refusal(value: object) -> str:
    with pytest.raises(FieldError) as caught:
        document(value, ARNS)
    return " ".join(caught.value.texts)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"Action": "batch:SubmitJobs"}, "Statement[0].Action: batch:SubmitJobs: there is no such action. "
         "Did you mean batch:SubmitJob?"),
        ({"Action": "s3:GetObject"}, "Statement[0].Action: s3:GetObject: there is no such action."),
        ({"Action": "batch:DescribeJobs"}, "Who sees which jobs goes by their owner"),
        ({"Action": ["batch:SubmitJob", "batch:List*"]}, "Statement[0].Action: batch:List*: policies decide"),
        ({"Action": []}, "Statement[0].Action: Give a text, or a list of texts."),
        ({"Action": None}, "Statement[0]: Give Action or NotAction, one of them."),
        ({"NotAction": "*"}, "Statement[0]: Give Action or NotAction, one of them."),
        ({"Resource": None}, "Statement[0]: Give Resource or NotResource, one of them."),
        ({"Effect": "deny"}, 'Statement[0].Effect: It is "Allow" or "Deny".'),
        ({"Sid": "a b"}, "Statement[0].Sid: Use letters and digits only"),
        ({"Principal": "*"}, "Statement[0].Principal: A policy is for the users and groups"),
        ({"Conditions": {}}, "Statement[0].Conditions: There is no such member. Did you mean Condition?"),
        ({"Resource": "job-queue/short"}, f"Write an ARN such as {ARNS.of('job-queue', 'default')}"),
        ({"Resource": "arn:aws:batch:eu-west-1:123456789012:job-queue/x"}, "here the region is us-east-1"),
        ({"Resource": "arn:aws:batch:us-east-1:1:job-queue/x"}, "here the account is 123456789012"),
        ({"Resource": "arn:aws:s3:us-east-1:123456789012:x"}, "the service is one of batch, logs, batchweb"),
        ({"Resource": ARNS.of("job-queues", "x")}, "no resource of the kind job-queues. Did you mean job-queue?"),
        ({"Resource": ARNS.of("job-queue", "${aws:userid}")}, "${aws:userid} stands for nothing here"),
        ({"Condition": {"StringEqual": {"aws:username": "x"}}}, "no such operator. Did you mean StringEquals?"),
        ({"Condition": {"ForSome:StringEquals": {"aws:username": "x"}}}, "There is no such operator"),
        ({"Condition": {"NullIfExists": {"aws:username": "true"}}}, "There is no such operator"),
        ({"Condition": {"Bool": {"batch:Priviledged": "true"}}}, "no such key. Did you mean batch:Privileged?"),
        ({"Condition": {"Bool": {"aws:RequestTag/": "true"}}}, "There is no such key."),
        ({"Condition": {"Bool": {"batch:Privileged": "yes"}}}, 'yes: this is not "true" or "false".'),
        ({"Condition": {"NumericLessThan": {"batchweb:Vcpus": "many"}}}, "many: this is not a number."),
        ({"Condition": {"NumericLessThan": {"batchweb:Vcpus": "NaN"}}}, "NaN: this is not a number."),
        ({"Condition": {"DateLessThan": {"aws:CurrentTime": "soon"}}}, "soon: this is not a date and time"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/99"}}}, "10.0.0.0/99: this is not an address"),
        ({"Condition": {"Bool": "true"}}, "It is an object such as"),
        ({"Condition": {"Bool": {"batch:Privileged": []}}}, "Give a text, or a list of texts."),
        ({"Resource": QUEUE + "\0"}, "no NUL characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_place(members: dict[str, Any], said: str) -> None:
    assert said in refusal(with_statement(**members))
    assert said in refusal(json.dumps(with_statement(**members)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Write the document, or start with an example."),
        ("{", "This is no JSON: Expecting property name"),
        ("[]", 'A document is a JSON object with "Version" and "Statement".'),
        ("[" * 100_000, "at most 6144 characters"),
        ("[" * 60_000, "nested too deeply"),
        ('{"Version": "2012-10-17"}', "Statement: Give a list of at least one statement."),
        ('{"Version": "2008-10-17", "Statement": []}', 'Version: Write "Version": "2012-10-17".'),
        ('{"Version": "2012-10-17", "Version": "x"}', "Version stands twice in the same object."),
        ('{"Id": "\\ud800"}', "no halves of characters"),
    ],
)
def test_what_is_no_document(text: str, said: str) -> None:
    assert said in refusal(text)


def test_a_document_has_as_many_characters_as_in_iam_without_its_spaces() -> None:
    def padded(length: int) -> dict[str, Any]:
        return {"Id": "x" * length, **with_statement()}

    bare = len("".join(json.dumps(padded(0)).split()))
    text = json.dumps(padded(6144 - bare), indent=8)
    assert document(text, ARNS)["Version"] == "2012-10-17"
    assert "at most 6144" in refusal(padded(6145 - bare))


def test_two_statements_have_not_the_same_sid() -> None:
    twice = with_statement(Sid="One")
    twice["Statement"] *= 2
    assert "The Sid One stands twice" in refusal(twice)


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "ä", "a/b", 3])
def test_a_name_is_as_in_iam(name: object) -> None:
    with pytest.raises(FieldError, match="1 to 128 letters"):
        documents.policy_name(name)
    assert documents.policy_name(" Only_these+=,.@- ") == "Only_these+=,.@-"


@pytest.mark.parametrize(("title", "text"), [(title, text) for _, title, text in examples(ARNS)])
def test_the_examples_are_taken(title: str, text: str) -> None:
    assert statements_in(document(text, ARNS), ARNS), title


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "Denies to submit and rerun jobs, on job-queue/short."),
        (
            {"Effect": "Allow", "Action": ["batch:updatejobqueue", "batchweb:*"], "Resource": "*"},
            "Allows to update job queues (also the rules that cancel jobs) and do everything of batchweb, "
            "on everything.",
        ),
        (
            {"Action": None, "NotAction": "batch:CancelJob"},
            "Denies to do everything but: cancel jobs, on job-queue/short.",
        ),
        (
            {
                "Resource": None,
                "NotResource": [QUEUE, "*"],
                "Condition": {
                    "Bool": {"batch:Privileged": "true"},
                    "ForAnyValue:StringLike": {"batch:Image": ["a", "b"]},
                    "DateLessThanIfExists": {"aws:CurrentTime": "2026-12-01"},
                    "Null": {"batch:User": "true"},
                    "NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"},
                },
            },
            "Denies to submit and rerun jobs, on everything but job-queue/short and everything, if "
            "batch:Privileged is true and some value of batch:Image is like a or b and aws:CurrentTime is before "
            "2026-12-01 (where it is there) and batch:User is missing and aws:SourceIp is not in 10.0.0.0/8.",
        ),
    ],
)
def test_a_statement_in_words(members: dict[str, Any], words: str) -> None:
    (statement,) = statements_in(with_statement(**members), ARNS)
    assert in_words(statement) == words


def test_every_action_has_a_service_and_words() -> None:
    for name, action in ACTIONS.items():
        assert name.partition(":")[0] in {"batch", "logs", "batchweb"}
        assert action.words
