"""Values that stand in a query's own text.

SQLite plans a query before it knows its parameters. It uses a partial index only if the query has the index's
condition in the very same words.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import Value


class Literal(Value):
    """A word out of a fixed list, quoted into the query. Never for what comes from outside."""

    def as_sql(self, *_: Any, **__: Any) -> tuple[str, tuple[str | int, ...]]:
        if not self.value.isidentifier():
            raise ValueError(f"{self.value!r} is not a word, so it must be a parameter.")
        return f"'{self.value}'", ()


def literals(words: Iterable[str]) -> list[Literal]:
    """For `__in`: in the order of the words, which must be that of the index's condition."""
    return [Literal(str(word)) for word in words]
