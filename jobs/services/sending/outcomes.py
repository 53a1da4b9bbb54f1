"""What became of a try to send something."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Outcome:
    """`delivery_ids` were sent together. `error` is empty where they arrived.

    `is_of_event`: the receiver answered, and did not want this one; otherwise he would want no other now, either, and
    `wait` is for how long he asked to be left alone. `is_gone`: he wants nothing ever again.
    """

    delivery_ids: tuple[int, ...]
    status_code: int | None = None
    error: str = ""
    is_of_event: bool = False
    wait: timedelta = timedelta(0)
    is_gone: bool = False
