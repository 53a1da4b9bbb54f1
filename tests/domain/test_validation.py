import shlex
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain import exit_rules, validation, variables
from jobs.domain.errors import InvalidInput
from jobs.domain.validation import Checker, FieldError


@pytest.mark.parametrize("good", ["a", "A-b_9", "x" * 128, " padded "])
def test_a_name_of_the_documented_form_is_taken(good: str) -> None:
    assert validation.name(good) == good.strip()


@pytest.mark.parametrize(
    "bad", ["", " ", None, "-a", "_a", "a b", "x" * 129, "é", "a\0b", 5, ["a"]]
)
def test_any_other_name_is_refused(bad: object) -> None:
    with pytest.raises(FieldError):
        validation.name(bad)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (None, []),
        ("echo hello", ["echo", "hello"]),
        ("sh -c 'echo \"two  words\"'", ["sh", "-c", 'echo "two  words"']),
        (["echo", ""], ["echo", ""]),
        ("echo ''", ["echo", ""]),
        (' ["echo", "two  words"]', ["echo", "two  words"]),
        ("[]", []),
        ("[ -f x ]", ["[", "-f", "x", "]"]),
        ("[1, 2]", ["[1,", "2]"]),
    ],
)
def test_a_command_is_a_list_or_shell_words_or_a_list_as_json(
    text: object, words: list[str]
) -> None:
    assert validation.command(text) == words


@pytest.mark.parametrize(
    "bad", ["echo 'open", 'echo "open', "echo \\", 7, [1], {"a": "b"}, "x" * 30_000]
)
def test_a_command_that_cannot_be_read_is_refused(bad: object) -> None:
    with pytest.raises(FieldError):
        validation.command(bad)


def test_an_unclosed_quote_is_named() -> None:
    with pytest.raises(FieldError, match=r"no closing quotation.*close every quote"):
        validation.command("echo 'open")


@pytest.mark.parametrize(
    ("text", "thousandths"), [("1", 1000), ("0.25", 250), (2, 2000), (0.5, 500)]
)
def test_vcpus_become_thousandths(text: object, thousandths: int) -> None:
    assert validation.milli_vcpus(text) == thousandths


@pytest.mark.parametrize(
    "bad", ["0", "-1", "1e3", "nan", "inf", "0.0001", "", "x", True, None, "1001", "٣", "."]
)
def test_other_vcpus_are_refused(bad: object) -> None:
    with pytest.raises(FieldError):
        validation.milli_vcpus(bad)


@pytest.mark.parametrize(
    "bad", ["3", "0", "-5", "1.5", "", "1_000", "٣٣٣", True, None, 2.5, "9" * 30]
)
def test_memory_is_a_whole_number_of_mib_from_four_on(bad: object) -> None:
    with pytest.raises(FieldError):
        validation.memory_mib(bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"AWS_BATCH_JOB_ID": "mine"},
        {"A=B": "x"},
        {"": "x"},
        {"A": "x\0y"},
        {"A": 5},
        [{"value": "no name"}],
        ["A=B"],
        7,
        {"A": "x" * 25_000},
    ],
)
def test_an_environment_that_a_container_cannot_have_is_refused(bad: object) -> None:
    with pytest.raises(FieldError):
        variables.environment(bad)


def test_no_message_repeats_broken_unicode() -> None:
    with pytest.raises(FieldError) as refused:
        variables.environment({"AWS_BATCH\ud800": "x"})
    assert str(refused.value).encode()


def test_a_long_command_is_refused_before_its_words_are_read() -> None:
    with pytest.raises(FieldError) as refused:
        # An open quote would be named if anybody looked.
        validation.command("'" + "x" * 200_000)
    assert "20 KiB" in str(refused.value)


def test_the_longest_command_of_quotes_survives_the_form() -> None:
    words = ["'"] * 20 * 1024
    assert validation.command(shlex.join(words)) == words


def test_a_variable_given_twice_has_its_last_value() -> None:
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    assert variables.environment(twice) == [{"name": "A", "value": "2"}]


@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()))
)
def test_no_value_of_any_kind_escapes_as_another_error(value: object) -> None:
    for check in (
        validation.name,
        validation.image,
        validation.command,
        validation.milli_vcpus,
        validation.memory_mib,
        validation.attempts,
        validation.timeout_seconds,
        exit_rules.evaluate_on_exit,
        variables.environment,
        validation.reason,
    ):
        with suppress(FieldError):
            check(value)


def test_a_checker_reports_all_wrong_fields_at_once() -> None:
    checker = Checker()
    checker.check("name", validation.name, "", "")
    checker.check("vcpus", validation.milli_vcpus, "many", 0)
    with pytest.raises(InvalidInput) as caught:
        checker.done()
    assert set(caught.value.errors) == {"name", "vcpus"}


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(None, None), ("", None), (" ", None), (60, 60), ("3600", 3600), (2_147_483_647, 2**31 - 1)],
)
def test_a_time_limit_is_whole_seconds_or_none(given: object, seconds: int | None) -> None:
    assert validation.timeout_seconds(given) == seconds


@pytest.mark.parametrize("given", [59, 0, -60, "1.5", 60.0, True, "an hour", [60], 2**31])
def test_another_time_limit_is_refused(given: object) -> None:
    with pytest.raises(FieldError, match=r"A time limit is (between 60 and|a whole number)"):
        validation.timeout_seconds(given)
