"""Typed errors that services raise and every door (page, API, admin) turns into its own answer."""

from collections.abc import Mapping, Sequence


class BatchError(Exception):
    """The root of all errors that a user can cause. `str(error)` is fit to be shown."""


class InvalidInput(BatchError):
    """A refused request: for each field, what is wrong and how to mend it. Nothing was changed.

    `errors` maps a field's name to its messages; the key "" holds messages about the whole.
    """

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        self.errors: dict[str, list[str]] = {field: list(texts) for field, texts in errors.items()}
        super().__init__(
            " ".join(
                f"{field}: {text}" if field else text
                for field, texts in self.errors.items()
                for text in texts
            )
        )


class NotFound(BatchError):
    """What was asked for does not exist, or not for this user."""


class Conflict(BatchError):
    """The request was fine once, but the state has moved on."""


class Unavailable(BatchError):
    """What holds it does not answer just now; later it may."""


class LimitReached(Conflict):
    """There are as many of these as there may be."""


class LostLease(BatchError):
    """This scheduler is no longer the active one; what it was about to write was not written."""
