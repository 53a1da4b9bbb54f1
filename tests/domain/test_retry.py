import pytest

from jobs.domain.reasons import ESSENTIAL_EXITED, OUT_OF_MEMORY, host_lost
from jobs.domain.retry import AttemptEnd, ExitRule, RetryAction, should_retry

HOST_RULE = ExitRule(RetryAction.RETRY, on_status_reason="Host EC2*")
ELSE_EXIT = ExitRule(RetryAction.EXIT, on_reason="*")
LOST = AttemptEnd(host_lost("i-1"), "", None)
CRASHED = AttemptEnd(ESSENTIAL_EXITED, "", 1)
NO_MEMORY = AttemptEnd(ESSENTIAL_EXITED, OUT_OF_MEMORY, 137)


@pytest.mark.parametrize(
    ("end", "rules", "retried"),
    [
        (CRASHED, [], True),  # no rules: retried
        (LOST, [HOST_RULE, ELSE_EXIT], True),  # the usual pair: the host is lost
        (CRASHED, [HOST_RULE, ELSE_EXIT], False),  # the usual pair: the job's own fault
        (CRASHED, [HOST_RULE], True),  # no rule matches: retried
        (NO_MEMORY, [ExitRule(RetryAction.EXIT, on_reason="OutOfMemory*")], False),
        (
            NO_MEMORY,
            [ExitRule(RetryAction.EXIT, on_reason="OutOfMemory")],
            True,
        ),  # no star: whole text
        (CRASHED, [ExitRule(RetryAction.EXIT, on_exit_code="1")], False),
        (CRASHED, [ExitRule(RetryAction.EXIT, on_exit_code="1*")], False),
        (
            NO_MEMORY,
            [ExitRule(RetryAction.EXIT, on_exit_code="1", on_reason="*")],
            True,
        ),  # all must match
        (
            LOST,
            [ExitRule(RetryAction.EXIT, on_exit_code="0")],
            True,
        ),  # no exit code matches no number
        (
            CRASHED,
            [ExitRule(RetryAction.EXIT, on_exit_code="1"), HOST_RULE],
            False,
        ),  # first match wins
    ],
)
def test_the_first_rule_that_matches_decides(
    end: AttemptEnd, rules: list[ExitRule], retried: bool
) -> None:
    assert should_retry(end, attempts_made=1, attempts_allowed=2, rules=rules) is retried


def test_no_rule_gives_more_attempts_than_allowed() -> None:
    assert not should_retry(LOST, attempts_made=2, attempts_allowed=2, rules=[HOST_RULE])
