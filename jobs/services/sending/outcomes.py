"""What became of a try to send something."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """`delivery_ids` were sent together. `error` is empty where they arrived.

    `is_of_event`: the receiver answered, and did not want this one; otherwise he would want no other now, either.
    """

    delivery_ids: tuple[int, ...]
    status_code: int | None = None
    error: str = ""
    is_of_event: bool = False
