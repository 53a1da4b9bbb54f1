"""Pages of lists: `maxResults` and `nextToken`.

A token says after which row the next page starts, never how many rows there were before: rows that come and
go between two pages neither repeat nor hide others. It is opaque to clients, as AWS asks for, and
good for the operation that gave it only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.core import signing

from .calls import Request
from .errors import client_error

Row = TypeVar("Row")
# A row's place in its list, of what JSON has: a name, a number, or several of them.
Key = str | int | list[str | int]

# With the operation's name: what a token is good for. Signed, so that no key comes in that was made up.
SALT = "batchweb.api.token."


@dataclass(frozen=True, slots=True)
class ListPage(Generic[Row]):
    """Some rows of a list; `more` is the answer's `nextToken`, or nothing where no row follows.

    An operation answers `{"jobQueues": [...page.rows...], **page.more}`.
    """

    rows: list[Row]
    more: dict[str, str] = field(default_factory=dict)


def page(
    request: Request,
    operation: str,
    read: Callable[[Any, int], Sequence[Row]],
    *,
    key: Callable[[Row], Key],
    default: int = 100,
    most: int = 100,
) -> ListPage[Row]:
    """The page that `maxResults` and `nextToken` of a request ask for.

    `read(after, limit)` gives up to `limit` rows in the order of their keys, those behind the key `after`
    (None: from the first). `key` gives a row's key. Raises ApiError (ClientException) for a `maxResults`
    outside 1..`most` and for a token that this operation did not give.
    """
    size = page_size(request, default=default, most=most)
    rows = read(key_after(request, operation), size + 1)
    shown = list(rows[:size])
    more = {"nextToken": token_of(operation, key(shown[-1]))} if len(rows) > size else {}
    return ListPage(shown, more)


def page_size(request: Request, *, default: int = 100, most: int = 100) -> int:
    """`maxResults` of a request. Raises ApiError where it is outside 1..`most`."""
    size = request.get("maxResults")
    if size is None:
        return default
    if not 1 <= size <= most:
        raise client_error(f"maxResults: Give a number from 1 to {most}, not {size}.")
    return int(size)


def key_after(request: Request, operation: str) -> Any:
    """The key in `nextToken`, behind which the page starts; None: at the first row. Raises ApiError."""
    text = request.get("nextToken")
    return key_in(operation, text) if text else None


def token_of(operation: str, key: Key) -> str:
    """The token for what follows the row with this key."""
    return signing.dumps(key, salt=SALT + operation)


def key_in(operation: str, token: str) -> Any:
    """The key that `token_of` was given. Raises ApiError for anything else than such a token."""
    try:
        return signing.loads(token, salt=SALT + operation)
    except signing.BadSignature:
        raise client_error(
            f"nextToken: This is no token that {operation} gave. Leave it out to start at the first page."
        ) from None
