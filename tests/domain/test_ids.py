"""Ids of jobs, of arrays' children, and how both are written."""

from uuid import UUID

import pytest

from jobs.domain import ids


def test_a_child_is_written_with_its_array_and_index_and_read_back() -> None:
    parent = ids.new_job_id()
    child = ids.child_id(parent, 17)
    assert ids.text_of(parent) == str(parent)
    assert ids.text_of(child) == f"{parent}:17"
    for text in (f"{parent}:17", f" {str(parent).upper()}:17 ", str(child)):
        assert ids.id_of(text) == child
    assert ids.id_of(str(parent)) == parent


@pytest.mark.parametrize("low", [1, ids.MAX_CHILDREN, ids.MAX_CHILDREN + 1, 2**ids.CHILD_BITS - 1])
def test_every_uuid_is_written_so_that_it_is_read_back(low: int) -> None:
    odd = UUID(int=ids.new_job_id().int + low)
    assert ids.id_of(ids.text_of(odd)) == odd


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "{parent}:",
        "{parent}:-1",
        "{parent}:10000",
        "{parent}:1:2",
        "{parent}:x",
        "{parent}#1",
        "{child}:1",
        "{parent}\0",
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    parent = ids.new_job_id()
    with pytest.raises(ValueError, match=r"is no job's id|has no children"):
        ids.id_of(text.format(parent=parent, child=ids.child_id(parent, 0)))
