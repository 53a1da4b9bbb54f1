"""The secret store: values that containers are given as variables, and that are kept encrypted.

A value is read by `value_of` alone: when a container is made, or its image pulled. It is in no log, page, error,
event or job. `services.access.ciphers` says where its key comes from.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from jobs.domain.flags import flag
from jobs.domain.secret_names import secret_names
from jobs.domain.secret_values import secret_name, secret_value
from jobs.domain.validation import Checker, FieldError
from jobs.models import Secret
from jobs.selectors.access.secrets import usable_secrets
from jobs.services.writing.races import second_look, still_there

from .ciphers import Unreadable, decrypt, encrypt

FIELDS = frozenset({"name", "value", "shared"})
PURPOSE = b"batchweb secret store"


class SecretUnavailable(Exception):
    """A secret is not there, or not for this user, or cannot be read; `str(error)` says which."""


@dataclass(frozen=True, slots=True)
class SecretFields:
    """A secret that passed every check. No `value`: it stays as it is."""

    name: str
    shared: bool
    value: str | None

    def __repr__(self) -> str:
        return f"SecretFields({self.name!r})"


def check_secret(*, fields: Mapping[str, object], secret: Secret | None = None) -> SecretFields:
    """The clean secret, or InvalidInput with every field that is wrong. Writes nothing.

    `name`, `value` and `shared` (empty: no). With `secret`, what is left out stays; an empty value does, too.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    current = {"name": secret.name, "shared": secret.shared} if secret else {"shared": False}
    given = {**current, **fields}
    value = None
    if secret is None or given.get("value"):
        value = checker.check("value", secret_value, given.get("value"), "")
    clean = SecretFields(
        name=checker.check("name", lambda name: _free_name(name, secret), given.get("name"), ""),
        shared=checker.check("shared", flag, given["shared"], False),
        value=value,
    )
    checker.done()
    return clean


def create_secret(*, owner: User, fields: Mapping[str, object], now: datetime) -> Secret:
    """Stores a new secret. Raises InvalidInput, or PermissionDenied; then nothing changed."""
    clean = check_secret(fields=fields)
    _check_right_to_share(owner, clean)
    with second_look(lambda: check_secret(fields=fields)), transaction.atomic():
        return Secret.objects.create(
            name=clean.name,
            encrypted=_encrypt(clean.value or ""),
            shared=clean.shared,
            owner=owner,
            created_at=now,
            updated_at=now,
        )


def update_secret(
    *, secret: Secret, by: User, fields: Mapping[str, object], now: datetime
) -> Secret:
    """Changes what `fields` names: it holds for containers that are made from now on.

    Raises InvalidInput, PermissionDenied where `by` may not do so, or NotFound if the secret was deleted
    meanwhile.
    """
    with transaction.atomic():
        row = still_there(
            Secret.objects.select_for_update(), secret, called=f"The secret {secret.name}"
        )
        clean = check_secret(fields=fields, secret=row)
        if not row.shared:
            _check_right_to_share(by, clean)
        row.shared = clean.shared
        if clean.value is not None:
            row.encrypted = _encrypt(clean.value)
        row.updated_at = now
        row.save(update_fields=["shared", "encrypted", "updated_at"])
    return row


def delete_secret(*, secret: Secret) -> None:
    """Deletes a secret, if it is still there. A job that asks for it fails at its next start, in words."""
    Secret.objects.filter(id=secret.id).delete()


def resolve(*, references: Collection[str], owner: User) -> dict[str, str]:
    """The value of each reference (a name, or an ARN that ends in one) for a job of `owner`.

    Raises SecretUnavailable for the first that he cannot have. One query.
    """
    names = {reference: secret_names(reference) for reference in references}
    wanted = {name for candidates in names.values() for name in candidates}
    rows = {
        row.name: row for row in usable_secrets(owner).defer(None).filter(name__in=sorted(wanted))
    }
    values = {}
    for reference, candidates in sorted(names.items()):
        found = next((rows[name] for name in candidates if name in rows), None)
        if found is None:
            raise SecretUnavailable(
                f"There is no secret {reference} that jobs of {owner.get_username()} may use."
            )
        values[reference] = value_of(found)
    return values


def value_of(secret: Secret) -> str:
    """What a secret holds. Who may use it, the caller has looked at. Raises SecretUnavailable."""
    try:
        return decrypt(bytes(secret.encrypted), purpose=PURPOSE)
    except Unreadable:
        raise SecretUnavailable(
            f"The secret {secret.name} cannot be read: SECRET_KEY is not the one that it was stored "
            "with. Store its value anew."
        ) from None


def _check_right_to_share(by: User, clean: SecretFields) -> None:
    if clean.shared and not by.is_staff:
        raise PermissionDenied("Only administrators may share a secret with everybody.")


def _free_name(value: object, secret: Secret | None) -> str:
    name = secret_name(value)
    if secret is not None:
        if name != secret.name:
            raise FieldError("A secret keeps its name: jobs ask for it by that.")
        return name
    if Secret.objects.filter(name=name).exists():
        raise FieldError(f"There is a secret named {name} already.")
    return name


def _encrypt(value: str) -> bytes:
    return encrypt(value, purpose=PURPOSE)
