"""Sessions that last: how many a user has, and whether he may still read."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.contrib.auth.models import User

from jobs.selectors.access.keys import any_key_user, find_credentials

from ..calls import Caller
from ..errors import ApiError

# As many as CloudWatch Logs has for an account.
MAX_SESSIONS = 15
TOO_MANY = f"You have {MAX_SESSIONS} Live Tail sessions open. End one of them first."

# By user; those that this web server answers, counted in its event loop.
_open: Counter[int] = Counter()


def check_room(user: User) -> None:
    """Raises ApiError if the user has as many sessions as he may have."""
    if _open[user.pk] >= MAX_SESSIONS:
        raise ApiError("LimitExceededException", TOO_MANY)


@contextmanager
def session(user: User) -> Iterator[None]:
    """Counts as one of the user's sessions for as long as it lasts. Raises as `check_room`."""
    check_room(user)
    _open[user.pk] += 1
    try:
        yield
    finally:
        _open[user.pk] -= 1
        if not _open[user.pk]:
            del _open[user.pk]


def user_now(caller: Caller, now: datetime) -> User | None:
    """The caller's user as he is now; None once his credentials would not do for another request. One query."""
    if not caller.access_key_id:
        user = any_key_user()
    else:
        found = find_credentials(caller.access_key_id)
        user = None if found is None or found.have_expired(now) else found.user
    return user if user is not None and user.pk == caller.user.pk else None
