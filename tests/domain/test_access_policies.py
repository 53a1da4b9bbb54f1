"""What access policies say: IAM's documented logic, statement by statement, and tricks with case and wildcards.

Source: IAM User Guide, "Policy evaluation logic", "Condition operators", "Multivalued context keys".
"""

from collections.abc import Mapping
from typing import Any

import pytest

from jobs.domain.access_documents import statements_in
from jobs.domain.access_policies import Context, Effect, Policy, Resource, decide, refusal
from jobs.domain.arns import Arns
from jobs.domain.validation import FieldError

ARNS = Arns("123456789012", "us-east-1")
SHORT, LONG = ARNS.of("job-queue", "short"), ARNS.of("job-queue", "long")
HELLO = Resource(ARNS.of("job-definition", "hello:3"), (ARNS.of("job-definition", "hello"),))
NAME = "batch:SubmitJob"


def policy(*statements: Mapping[str, Any], name: str = "rules") -> Policy:
    document = {"Version": "2012-10-17", "Statement": [dict(each) for each in statements]}
    return Policy(name, statements_in(document, ARNS))


def deny(**members: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": NAME, "Resource": "*", **members}


def allow(**members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "batch:UpdateJobQueue", "Resource": "*", **members}


def without(statement: dict[str, Any], *members: str) -> dict[str, Any]:
    return {key: value for key, value in statement.items() if key not in members}


def effect(
    *statements: Mapping[str, Any],
    action: str = NAME,
    on: tuple[Resource, ...] = (Resource(SHORT), HELLO),
    context: Context | None = None,
    username: str = "bob",
) -> Effect:
    found = decide(
        [policy(*statements)],
        action=action,
        resources=on,
        context=context or Context(),
        username=username,
    )
    return found.effect


def test_an_explicit_deny_wins_whatever_else_allows() -> None:
    both = (allow(Action="*"), deny())
    assert effect(*both) is effect(*reversed(both)) is Effect.DENY


def test_nothing_said_leaves_it_to_the_role() -> None:
    assert effect(deny(Action="batch:CancelJob")) is Effect.NONE
    assert decide([], action=NAME, resources=[HELLO], context=Context(), username="bob").effect is (
        Effect.NONE
    )


def test_an_allow_has_to_be_there_for_each_resource() -> None:
    queue = allow(Action=NAME, Resource=SHORT)
    definition = allow(Action=NAME, Resource=ARNS.of("job-definition", "hello"))
    assert effect(queue) is Effect.NONE
    assert effect(queue, definition) is Effect.ALLOW


def test_a_deny_of_one_resource_is_enough() -> None:
    assert effect(deny(Resource=SHORT)) is Effect.DENY
    assert effect(deny(Resource=LONG)) is Effect.NONE


def test_the_statement_and_the_policy_are_told() -> None:
    policies = [policy(deny(Action="batch:TagResource")), policy(deny(), deny(Sid="Two"), name="b")]
    found = decide(
        policies, action=NAME, resources=[Resource(SHORT)], context=Context(), username="bob"
    )
    assert refusal(found, "bob") == (
        "User bob is not authorized to perform: batch:SubmitJob on resource: "
        f"{SHORT} because policy b (statement 1) denies it."
    )


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("batch:SubmitJob", True),
        ("BATCH:submitjob", True),
        ("batch:Submit*", True),
        ("batch:?ubmitJob", True),
        ("*", True),
        ("b*:S*b", True),
        ("batch:*", True),
        ("batch:SubmitServiceJob", False),
        ("batchweb:*", False),
        ("batch:SubmitJo", None),
        ("batch:SubmitJob ", None),
    ],
)
def test_actions_are_matched_whatever_their_case(pattern: str, meant: bool | None) -> None:
    if meant is None:
        with pytest.raises(FieldError, match="there is no such action"):
            effect(deny(Action=pattern))
    else:
        assert effect(deny(Action=pattern)) is (Effect.DENY if meant else Effect.NONE)


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        (SHORT, True),
        (SHORT.replace("short", "SHORT"), False),
        (SHORT.replace("short", "sh?rt"), True),
        (SHORT.replace("short", "s*t"), True),
        (SHORT.replace("short", "short*"), True),
        (SHORT.replace("short", "shor"), False),
        ("arn:aws:batch:*:*:job-queue/short", True),
        ("arn:*:*:*:*:*", True),
        (ARNS.of("job-definition", "hello"), True),
        (ARNS.of("job-definition", "hello:3"), True),
        (ARNS.of("job-definition", "hello:*"), True),
        (ARNS.of("job-definition", "hello:4"), False),
        (ARNS.of("job-definition", "hell?"), True),
        (ARNS.of("job-definition", "hell"), False),
    ],
)
def test_resources_are_matched_in_their_own_case(pattern: str, meant: bool) -> None:
    assert effect(deny(Resource=pattern)) is (Effect.DENY if meant else Effect.NONE)


def test_many_wildcards_take_no_time() -> None:
    name = "a" * 2000
    pattern = ARNS.of("job-queue", "a*" * 200 + "b")
    assert effect(deny(Resource=pattern), on=(Resource(ARNS.of("job-queue", name)),)) is Effect.NONE


def test_not_action_means_all_others() -> None:
    others = without(deny(NotAction="batch:CancelJob"), "Action")
    assert effect(others) is Effect.DENY
    assert effect(others, action="batch:CancelJob") is Effect.NONE


def test_not_resource_means_all_others_and_is_asked_of_each_resource() -> None:
    rest = without(deny(NotResource=[SHORT]), "Resource")
    both = without(deny(NotResource=[SHORT, ARNS.of("job-definition", "*")]), "Resource")
    assert effect(rest) is Effect.DENY
    assert effect(both) is Effect.NONE
    assert effect(both, on=(Resource(LONG), HELLO)) is Effect.DENY


def test_a_name_in_a_pattern_is_no_pattern() -> None:
    own = deny(Resource=ARNS.of("job-queue", "${aws:username}-*"))
    assert effect(own, on=(Resource(ARNS.of("job-queue", "bob-1")),)) is Effect.DENY
    assert effect(own, on=(Resource(ARNS.of("job-queue", "ann-1")),), username="bob") is Effect.NONE
    assert effect(own, on=(Resource(ARNS.of("job-queue", "ann-1")),), username="*") is Effect.NONE
    star = deny(Resource=ARNS.of("job-queue", "a${*}b"))
    assert effect(star, on=(Resource(ARNS.of("job-queue", "axb")),)) is Effect.NONE


def holds(
    operator: str, key: str, wanted: Any, *values: str | None, is_allow: bool = False
) -> bool:
    condition = {operator: {key: wanted}}
    make = allow if is_allow else deny
    statement = make(Action=NAME, Condition=condition)
    context = Context({key: values} if values else {})
    return effect(statement, context=context) is not Effect.NONE


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "value", "met"),
    [
        ("StringEquals", "batch:User", "root", "root", True),
        ("StringEquals", "batch:User", "root", "Root", False),
        ("StringEquals", "batch:User", "r*", "root", False),
        ("StringEquals", "batch:User", ["a", "root"], "root", True),
        ("StringNotEquals", "batch:User", ["a", "root"], "root", False),
        ("StringNotEquals", "batch:User", ["a", "b"], "root", True),
        ("StringEqualsIgnoreCase", "batch:User", "ROOT", "root", True),
        ("StringNotEqualsIgnoreCase", "batch:User", "ROOT", "root", False),
        ("StringLike", "batch:Image", "*:latest", "busybox:latest", True),
        ("StringLike", "batch:Image", "BUSY*", "busybox", False),
        ("StringNotLike", "batch:Image", "registry.example.com/*", "busybox", True),
        ("NumericEquals", "batchweb:Vcpus", "4", "4.0", True),
        ("NumericNotEquals", "batchweb:Vcpus", "4", "5", True),
        ("NumericLessThan", "batchweb:Vcpus", 4, "10", False),
        ("NumericLessThanEquals", "batchweb:Vcpus", 4, "4", True),
        ("NumericGreaterThan", "batchweb:Vcpus", "9", "10", True),
        ("NumericGreaterThanEquals", "batchweb:Vcpus", "9", "8.75", False),
        ("DateLessThan", "aws:CurrentTime", "2026-12-01", "2026-11-30T23:00:00+00:00", True),
        (
            "DateGreaterThan",
            "aws:CurrentTime",
            "2026-12-01T00:00:00+02:00",
            "2026-11-30T23:00:00+00:00",
            True,
        ),
        ("DateEquals", "aws:CurrentTime", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", True),
        ("DateNotEquals", "aws:CurrentTime", "2026-12-01Z"[:-1], "2026-12-01T00:00:00Z", False),
        ("DateLessThanEquals", "aws:CurrentTime", "1764547200", "2025-12-01T00:00:00Z", True),
        ("DateGreaterThanEquals", "aws:CurrentTime", "2026-12-01", "2026-11-30", False),
        ("Bool", "batch:Privileged", "true", "true", True),
        ("Bool", "batch:Privileged", True, "true", True),
        ("Bool", "batch:Privileged", "TRUE", "true", True),
        ("Bool", "batch:Privileged", "true", "false", False),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", "10.1.2.3", True),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", "11.1.2.3", False),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", "nonsense", False),
        ("IpAddress", "aws:SourceIp", "2001:db8::/32", "2001:db8::1", True),
        ("NotIpAddress", "aws:SourceIp", ["10.0.0.0/8", "::1"], "::1", False),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", "11.0.0.1", True),
        ("Null", "batch:User", "true", "root", False),
        ("Null", "batch:User", "false", "root", True),
    ],
)
def test_operators_compare_as_in_iam(
    operator: str, key: str, wanted: Any, value: str, met: bool
) -> None:
    assert holds(operator, key, wanted, value) is met
    assert holds(operator, key, wanted, value, is_allow=True) is met


@pytest.mark.parametrize(
    ("operator", "met"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringLike", False),
        ("StringNotLike", True),
        ("StringEqualsIfExists", True),
        ("StringNotEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
def test_a_key_that_is_not_there(operator: str, met: bool) -> None:
    assert holds(operator, "batch:User", "root") is met


def test_null_tells_whether_a_key_is_there() -> None:
    assert holds("Null", "batch:User", "true")
    assert not holds("Null", "batch:User", "false")


@pytest.mark.parametrize(
    ("operator", "values", "denied", "allowed"),
    [
        ("StringEquals", ("a", "b"), True, False),
        ("StringEquals", ("a", "a"), True, True),
        ("StringNotEquals", ("a", "b"), True, False),
        ("StringNotEquals", ("b", None), True, True),
        ("StringEquals", ("a", None), True, False),
        ("ForAllValues:StringEquals", ("a", "b"), False, False),
        ("ForAllValues:StringEquals", ("a", "a"), True, True),
        ("ForAnyValue:StringEquals", ("a", "b"), True, True),
        ("ForAnyValue:StringNotEquals", ("a",), False, False),
    ],
)
def test_of_several_containers_a_deny_holds_for_one_and_an_allow_for_all(
    operator: str, values: tuple[str | None, ...], denied: bool, allowed: bool
) -> None:
    assert holds(operator, "batch:Image", "a", *values) is denied
    assert holds(operator, "batch:Image", "a", *values, is_allow=True) is allowed


def test_all_conditions_of_a_statement_have_to_be_met() -> None:
    condition = {
        "Bool": {"batch:Privileged": "true"},
        "StringEquals": {"batch:User": "root", "aws:username": "bob"},
    }
    values = {"batch:Privileged": ("true",), "batch:User": ("root",), "aws:username": ("bob",)}
    assert effect(deny(Condition=condition), context=Context(values)) is Effect.DENY
    fewer = {**values, "batch:User": ("ann",)}
    assert effect(deny(Condition=condition), context=Context(fewer)) is Effect.NONE


def test_keys_of_conditions_are_matched_whatever_their_case() -> None:
    condition = {"Bool": {"BATCH:privileged": "true"}, "StringEquals": {"AWS:requesttag/Team": "x"}}
    context = Context({"batch:Privileged": ("true",)}, {"TEAM": "x"})
    assert effect(deny(Condition=condition), context=context) is Effect.DENY


def test_tags_of_the_resource_are_those_of_each_resource() -> None:
    condition = {"StringEquals": {"aws:ResourceTag/stage": "prod"}}
    prod, test = (Resource(SHORT, tags=lambda tags=tags: tags) for tags in ({"stage": "prod"}, {}))  # type: ignore[misc]
    assert effect(deny(Condition=condition), on=(prod, HELLO)) is Effect.DENY
    assert effect(deny(Condition=condition), on=(test, HELLO)) is Effect.NONE


def test_keys_of_tags_are_told_by_what_the_request_sets_or_takes_off() -> None:
    only = deny(Condition={"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["team"]}})
    assert effect(only, context=Context(request_tags={"team": "a"})) is Effect.NONE
    assert effect(only, context=Context(request_tags={"team": "a", "x": ""})) is Effect.DENY
    assert effect(only, context=Context(tag_keys=("x",))) is Effect.DENY
    must = deny(Condition={"Null": {"aws:RequestTag/team": "true"}})
    assert effect(must) is Effect.DENY
    assert effect(must, context=Context(request_tags={"team": ""})) is Effect.NONE


OTHER_REGISTRY = "registry.example.com/busybox:1"
DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("denied", "image", "is_denied"),
    [
        ("busybox:1", "docker.io/library/busybox:1", True),
        ("busybox:1", "index.docker.io/library/busybox:1", True),
        ("busybox:1", "library/busybox:1", True),
        ("docker.io/library/busybox", "busybox", True),
        ("docker.io/busybox:*", "busybox", True),
        ("busybox:latest", "docker.io/busybox", True),
        ("busybox", "busybox:latest", True),
        (f"busybox@{DIGEST}", f"docker.io/library/busybox:1@{DIGEST}", True),
        ("team/app:1", "docker.io/team/app:1", True),
        ("docker.io/*", "team/app:1", True),
        ("busybox:2", "docker.io/library/busybox:1", False),
        ("busybox:1", OTHER_REGISTRY, False),
        ("library/*", "team/app:1", False),
        ("busybox", "busybox:1", False),
    ],
)
def test_an_image_is_the_same_however_it_is_spelled(
    denied: str, image: str, is_denied: bool
) -> None:
    context = Context({"batch:Image": (image,)})
    for name, effect_of in (("StringLike", is_denied), ("StringNotLike", not is_denied)):
        statement = deny(Condition={name: {"batch:Image": denied}})
        assert (effect(statement, context=context) is Effect.DENY) is effect_of
