"""Small words of the pages."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from jobs.domain.ids import child_id
from jobs.web.joblinks import with_job_links, without_job_ids
from jobs.web.tags import relative, soon


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


def test_ids_in_brackets_are_left_out_where_there_is_little_room() -> None:
    job_id = "0198c4a0-0000-7000-8000-000000000000"
    told = f"Waits behind the job wide-2 ({job_id}) and wide-3 ({job_id}:7)."
    assert without_job_ids(told) == "Waits behind the job wide-2 and wide-3."


def test_a_job_that_a_reason_names_is_a_link() -> None:
    job_id = "0198c4a0-0000-7000-8000-000000000000"
    link = '<a href="/jobs/{0}/">{0}</a>'
    told = with_job_links(f"behind <b> ({job_id}), which needs 2")
    assert told == f"behind &lt;b&gt; ({link.format(job_id)}), which needs 2"
    assert with_job_links(f"{job_id}:12.") == link.format(f"{job_id}:12") + "."
    # The child of a child.
    child = str(child_id(UUID(job_id), 1))
    assert with_job_links(f"{child}:1") == f"{child}:1"


@pytest.mark.parametrize(
    ("seconds", "words"), [(-30, "in a moment"), (5, "in a moment"), (200, "in 3 min")]
)
def test_what_is_expected_is_never_over(seconds: int, words: str) -> None:
    at = timezone.now() + timedelta(seconds=seconds)
    assert f'data-ago="ahead">{words}<' in soon(at)
