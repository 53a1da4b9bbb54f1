"""Values that are read when a template first asks for them: a part that is not drawn costs nothing."""

from collections.abc import Callable
from functools import cache
from typing import TypeVar

T = TypeVar("T")


def lazily(read: Callable[[], T]) -> Callable[[], T]:
    """`read`, called at most once; templates call it by themselves."""
    return cache(read)
