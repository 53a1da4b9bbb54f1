import pytest

from jobs.domain.exit_rules import as_rules, evaluate_on_exit, in_words, rules_text
from jobs.domain.retry import ExitRule, RetryAction
from jobs.domain.validation import FieldError

USUAL = [
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
]
EXIT_ONE = {"onExitCode": "1", "action": "EXIT"}


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (None, []),
        ("", []),
        ("  ", []),
        ("[]", []),
        ([], []),
        (USUAL, USUAL),
        (rules_text(USUAL), USUAL),
        ([{"action": "retry", "onExitCode": "13*"}], [{"onExitCode": "13*", "action": "RETRY"}]),
        ([{"action": "Exit", "onExitCode": 3}], [{"onExitCode": "3", "action": "EXIT"}]),
        ([{"action": "EXIT", "onReason": None, "onExitCode": "1"}], [EXIT_ONE]),
        ([{"action": "EXIT", "onReason": "x" * 512}], [{"onReason": "x" * 512, "action": "EXIT"}]),
        ([EXIT_ONE] * 5, [EXIT_ONE] * 5),
    ],
)
def test_rules_are_read_and_stored_in_one_form(given: object, stored: object) -> None:
    assert evaluate_on_exit(given) == stored


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("[{", "Not valid JSON"),
        ("3", "are a list"),
        ('"text"', "are a list"),
        (EXIT_ONE, "are a list"),
        ([EXIT_ONE] * 6, "at most 5"),
        (["EXIT"], "rule 1 is not an object"),
        ([EXIT_ONE, {"action": "EXIT"}], "rule 2 needs at least one of onStatusReason"),
        ([{"onExitCode": "1"}], "the action is RETRY or EXIT"),
        ([{"onExitCode": "1", "action": "STOP"}], "the action is RETRY or EXIT"),
        ([{"onExitCode": "1", "action": 1}], "the action is RETRY or EXIT"),
        ([{**EXIT_ONE, "onexitcode": "1"}], "there is no 'onexitcode'"),
        ([{**EXIT_ONE, "\ud800": "1"}], r"there is no '\\ud800'"),
        ([{"onReason": "x" * 513, "action": "EXIT"}], "1 to 512 characters"),
        ([{"onReason": "", "action": "EXIT"}], "1 to 512 characters"),
        ([{"onReason": 3, "action": "EXIT"}], "onReason is a text"),
        ([{"onReason": "a*b", "action": "EXIT"}], r"a \* can only be at the end"),
        ([{"onReason": "**", "action": "EXIT"}], r"a \* can only be at the end"),
        ([{"onReason": "a\0", "action": "EXIT"}], "NUL"),
        ([{"onExitCode": "one", "action": "EXIT"}], "onExitCode is digits"),
        ([{"onExitCode": "-1", "action": "EXIT"}], "onExitCode is digits"),
        ([{"onExitCode": "1**", "action": "EXIT"}], "onExitCode is digits"),
        ([{"onExitCode": True, "action": "EXIT"}], "onExitCode is a text"),
    ],
)
def test_a_rule_that_means_nothing_is_refused_by_its_number(given: object, message: str) -> None:
    with pytest.raises(FieldError, match=message) as caught:
        evaluate_on_exit(given)
    str(caught.value).encode()


def test_stored_rules_are_what_decides() -> None:
    assert as_rules(USUAL) == [
        ExitRule(RetryAction.RETRY, on_status_reason="Host EC2*"),
        ExitRule(RetryAction.EXIT, on_reason="*"),
    ]


def test_rules_are_told_in_words() -> None:
    assert [in_words(rule) for rule in USUAL] == [
        'If the status reason starts with "Host EC2": try again.',
        "If the container's reason is anything: fail at once.",
    ]
    both = {"onReason": "full", "onExitCode": "12*", "action": "EXIT"}
    assert in_words(both) == (
        'If the container\'s reason is "full" and the exit code starts with "12": fail at once.'
    )
