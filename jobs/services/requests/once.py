"""The same form, sent twice by a double click or from a stale page, does what it does once.

A form carries a token that was made with it. What is made is noted beside it, in one transaction; who
sends the same token with the same fields again gets what the first made. Other fields are another request: a
form that one goes back to and changes is taken. Like the client tokens of AWS's services, but for people.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from jobs.domain.validation import Checker, FieldError
from jobs.models import SentForm


class HasId(Protocol):
    """A row that is stored."""

    pk: Any


T = TypeVar("T", bound=HasId)

FIELD = "request_token"
PURPOSE = "batchweb sent forms"
MAX_CHARACTERS = 64
# A page that is older than this was closed long ago.
KEPT = timedelta(days=7)
FORGOTTEN_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Once(Generic[T]):
    """What a form made. `is_again`: by an earlier sending of it."""

    made: T
    is_again: bool


@sensitive_variables()
def once(
    *,
    owner: User,
    token: object,
    sent: object,
    make: Callable[[], T],
    find: Callable[[str], T],
    now: datetime,
) -> Once[T]:
    """Calls `make`, unless the same was `sent` before with this token.

    `sent` (what JSON can say) is what is asked for, and of what. What `make` gives has the id (`pk`) by which
    `find` finds it again. Without a token each sending counts. If `make` raises, the token is not used up.
    Two at the same time wait for each other. Raises InvalidInput for what is no token.
    """
    text = _token(token)
    if not text:
        return Once(make(), is_again=False)
    digest = _digest(text, sent)
    with transaction.atomic():
        row = SentForm(owner=owner, digest=digest, made="", created_at=now)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            before = SentForm.objects.get(owner=owner, digest=digest)
            return Once(find(before.made), is_again=True)
        made = make()
        SentForm.objects.filter(pk=row.pk).update(made=str(made.pk))
    return Once(made, is_again=False)


def forget_sent_forms(*, now: datetime) -> int:
    """Deletes what was sent some days ago, so many at a time; how many."""
    old = SentForm.objects.filter(created_at__lt=now - KEPT).order_by("created_at")
    ids = list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    return SentForm.objects.filter(pk__in=ids).delete()[0] if ids else 0


def _token(value: object) -> str:
    checker = Checker()
    token = checker.check(FIELD, _checked, value, "")
    checker.done()
    return token


def _checked(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_CHARACTERS:
        raise FieldError(f"A token is a text of at most {MAX_CHARACTERS} characters.")
    return value


@sensitive_variables()
def _digest(token: str, sent: object) -> str:
    text = json.dumps([token, sent], sort_keys=True)
    # With SECRET_KEY: a form may hold a password, which nobody who reads the table may guess at.
    value = text.encode("utf-8", "backslashreplace")
    return salted_hmac(PURPOSE, value, algorithm="sha256").hexdigest()
