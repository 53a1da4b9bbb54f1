"""Pages of lists: sizes, and tokens that nobody can make up."""

import base64
import json

import pytest

from jobs.api.errors import ApiError
from jobs.api.paging import Key, key_in, page, page_size, token_of

NAMES = [f"n{number}" for number in range(7)]


def _read(after: str | None, limit: int) -> list[str]:
    return [name for name in NAMES if after is None or name > after][:limit]


def _key(name: str) -> Key:
    return name


def test_pages_give_each_row_once_and_the_last_has_no_token() -> None:
    seen: list[str] = []
    request: dict[str, object] = {"maxResults": 3}
    while True:
        found = page(request, "ListNames", _read, key=_key)
        seen += found.rows
        if not found.more:
            break
        request["nextToken"] = found.more["nextToken"]
    assert seen == NAMES


def test_a_page_that_is_just_full_has_no_token() -> None:
    assert page({"maxResults": 7}, "ListNames", _read, key=_key).more == {}


@pytest.mark.parametrize("size", [0, -1, 101])
def test_a_size_out_of_bounds_is_refused(size: int) -> None:
    with pytest.raises(ApiError, match="from 1 to 100"):
        page_size({"maxResults": size})


def test_without_a_size_the_default_holds() -> None:
    assert page_size({}, default=50, most=1000) == 50


@pytest.mark.parametrize("key", ["name", 12, ["2026", 4], "a name with ünusual letters"])
def test_a_token_gives_its_key_back(key: Key) -> None:
    assert key_in("ListNames", token_of("ListNames", key)) == key


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        "%%%",
        "é",
        "a" * 5000,
        token_of("ListOthers", "n1"),
        token_of("ListNames", "n1") + "x",
        token_of("ListNames", "n1")[1:],
        _encoded("n1"),
        "::",
    ],
)
def test_a_made_up_token_is_refused(token: str) -> None:
    with pytest.raises(ApiError, match="nextToken") as refused:
        page({"nextToken": token}, "ListNames", _read, key=_key)
    assert refused.value.code == "ClientException"
