"""Whole numbers of URLs."""

import pytest

from jobs.domain import numbers
from jobs.domain.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "found"), [("", None), ("  ", None), ("0", 0), (" 7 ", 7), ("9" * 18, 10**18 - 1)]
)
def test_a_number_is_read_and_nothing_is_none(text: str, found: int | None) -> None:
    assert numbers.whole("after", text) == found


@pytest.mark.parametrize("text", ["x", "-1", "+1", "1.0", "1_0", "1e3", "٣", "²", "9" * 19, "1\0"])
def test_anything_else_is_refused_by_the_name_of_its_parameter(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        numbers.whole("after", text)
    assert refused.value.errors == {"after": ["This is a whole number, 0 or more."]}


@pytest.mark.parametrize("text", ["0", "6"])
def test_beyond_its_bounds_the_bounds_are_told(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"hops: This is a whole number from 1 to 5\."):
        numbers.whole("hops", text, least=1, most=5)


def test_what_may_not_be_left_out_is_asked_for() -> None:
    assert numbers.needed("old", "2") == 2
    with pytest.raises(InvalidInput, match=r"old: This is a whole number, 1 or more\."):
        numbers.needed("old", "", least=1)
