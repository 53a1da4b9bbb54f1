"""`Ref::name` in commands."""

import pytest

from jobs.domain.definitions.parameters import substitute
from jobs.domain.validation import FieldError


@pytest.mark.parametrize(
    ("command", "values", "expected"),
    [
        (["echo", "Ref::a"], {"a": "1"}, ["echo", "1"]),
        # Every occurrence, inside a word too.
        (["--in=Ref::a/Ref::b.txt", "Ref::a"], {"a": "1", "b": "2"}, ["--in=1/2.txt", "1"]),
        # What has no value stays.
        (["Ref::a", "Ref::b"], {"a": "1"}, ["1", "Ref::b"]),
        (["Ref::a"], {}, ["Ref::a"]),
        # A longer name is not taken for a shorter one and a rest.
        (["Ref::ab", "Ref::a_", "Ref::a1"], {"a": "1"}, ["Ref::ab", "Ref::a_", "Ref::a1"]),
        (["Ref::ab-c"], {"a": "1", "ab": "2", "ab-c": "3"}, ["3"]),
        (["Ref::a-x"], {"a": "1"}, ["1-x"]),
        # A value is not looked into.
        (["Ref::a"], {"a": "Ref::b", "b": "2"}, ["Ref::b"]),
        (["Ref::a"], {"a": ""}, [""]),
        (["Ref::a.b"], {"a.b": "\\1"}, ["\\1"]),
    ],
)
def test_references_are_replaced(
    command: list[str], values: dict[str, str], expected: list[str]
) -> None:
    assert substitute(command, values) == expected


def test_a_command_that_grows_too_long_is_refused() -> None:
    with pytest.raises(FieldError, match="too long"):
        substitute(["Ref::a" * 3000], {"a": "x" * 20_000})
