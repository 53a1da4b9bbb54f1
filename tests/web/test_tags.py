"""Small words of the pages."""

import pytest

from jobs.web.tags import relative


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (9.9, "just now"),
        (44, "44 s ago"),
        (120, "2 min ago"),
        (7200, "2 h ago"),
        # What is to come.
        (-5, "in a moment"),
        (-44, "in 44 s"),
        (-7200, "in 2 h"),
    ],
)
def test_times_are_told_as_past_or_to_come(seconds: float, words: str) -> None:
    assert relative(seconds) == words
