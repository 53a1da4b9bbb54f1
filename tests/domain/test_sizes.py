"""How large requests and the answers to them may be."""

import json

import pytest

from jobs.domain.errors import InvalidInput
from jobs.domain.members import a_list, a_text, an_object
from jobs.domain.sizes import check_size
from jobs.domain.validation import MAX_PROBLEMS, Checker, FieldError

MANY = 150_000


def said(fields: dict[str, object]) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        check_size(fields, at_most=1024, what="A submission")
    assert list(caught.value.errors) == [""]
    return caught.value.errors[""]


def test_what_came_in_counts_with_all_that_nobody_knows() -> None:
    text = ["A submission has at most 1 KiB in all."]
    assert said({"command": "x" * 1025}) == text
    assert said({"container": {f"m{number}": "" for number in range(1000)}}) == text
    assert said({"unknown": "ü" * 513}) == text
    assert said({"container": "[" * 200_000}) == text


def test_blanks_of_json_text_do_not_count() -> None:
    spread = json.dumps({"a": ["x"] * 100}, indent=20)
    assert len(spread) > 2000
    check_size({"container": spread, "name": "x", "gpus": None}, at_most=1024, what="It")


def test_an_answer_names_twenty_problems_and_counts_the_others() -> None:
    read = an_object({"list": a_list(an_object({"known": a_text}))})
    members = {f"member{number}": 1 for number in range(MANY)}
    with pytest.raises(FieldError) as caught:
        read({"list": [members, members]})
    assert len(caught.value.texts) == MAX_PROBLEMS + 1
    assert caught.value.texts[0].startswith("list[0].member0: ")
    assert caught.value.texts[-1] == f"And {2 * MANY - MAX_PROBLEMS} more problems."

    checker = Checker()
    checker.check("container", read, {"list": [members]}, None)
    with pytest.raises(InvalidInput) as whole:
        checker.done()
    assert len(whole.value.errors["container"]) == MAX_PROBLEMS
    assert whole.value.errors[""] == [f"And {MANY - MAX_PROBLEMS} more problems."]
    assert len(str(whole.value)) < 4000


def test_unknown_fields_are_named_up_to_twenty_and_not_in_all_their_length() -> None:
    checker = Checker()
    checker.only(["x" * 100_000, *map(str, range(MAX_PROBLEMS))], {"name"})
    with pytest.raises(InvalidInput) as caught:
        checker.done()
    assert caught.value.errors[""] == ["And 1 more problem."]
    assert len(str(caught.value)) < 1000
