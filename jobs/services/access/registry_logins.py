"""The logins of image registries: a user name and a password for all images below a prefix, kept encrypted.

A password is read by `credentials_of` alone, when an image is pulled or the login is tried. It is in no log, page,
error, event or job. `services.access.ciphers` says where its key comes from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from jobs import changes, queueing
from jobs.domain import registries
from jobs.domain.flags import flag
from jobs.domain.registries import Credentials
from jobs.domain.validation import Checker
from jobs.models import RegistryLogin
from jobs.services.writing.races import second_look, still_there

from .ciphers import decrypt, encrypt

FIELDS = frozenset({"prefix", "username", "password", "shared"})
PURPOSE = b"batchweb registry logins"


@dataclass(frozen=True, slots=True)
class LoginFields:
    """A login that passed every check. No `password`: it stays as it is."""

    prefix: str
    username: str
    shared: bool
    password: str | None

    def __repr__(self) -> str:
        return f"LoginFields({self.prefix!r})"


def check_login(
    *, owner: User, fields: Mapping[str, object], login: RegistryLogin | None = None
) -> LoginFields:
    """The clean login, or InvalidInput with every field that is wrong. Writes nothing.

    `prefix`, `username`, `password` and `shared` (empty: no). With `login`, what is left out stays; an empty
    password does, too.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    current: Mapping[str, object] = {"shared": False}
    if login:
        current = {"prefix": login.prefix, "username": login.username, "shared": login.shared}
    given = {**current, **fields}
    password = None
    if login is None or given.get("password"):
        password = checker.check("password", registries.password, given.get("password"), "")
    clean = LoginFields(
        prefix=checker.check("prefix", registries.registry_prefix, given.get("prefix"), ""),
        username=checker.check("username", registries.user_name, given.get("username"), ""),
        shared=checker.check("shared", flag, given["shared"], False),
        password=password,
    )
    if login and clean.prefix and clean.prefix != login.prefix:
        checker.add("prefix", "A login keeps what it is for. Make another one for that.")
    elif clean.prefix and _is_taken(owner, clean, login):
        checker.add("prefix", _taken(clean))
    checker.done()
    return clean


def create_login(*, owner: User, fields: Mapping[str, object], now: datetime) -> RegistryLogin:
    """Stores a new login. Raises InvalidInput, or PermissionDenied; then nothing changed."""
    clean = check_login(owner=owner, fields=fields)
    _check_right_to_share(owner, clean)
    with second_look(lambda: check_login(owner=owner, fields=fields)), transaction.atomic():
        made = RegistryLogin.objects.create(
            prefix=clean.prefix,
            username=clean.username,
            encrypted=_encrypted(clean.password or ""),
            shared=clean.shared,
            owner=owner,
            created_at=now,
            updated_at=now,
        )
    changes.publish([changes.REGISTRIES])
    return made


def update_login(
    *, login: RegistryLogin, by: User, fields: Mapping[str, object], now: datetime
) -> RegistryLogin:
    """Changes what `fields` names: it holds for pulls from now on. What an earlier check found is forgotten.

    Raises InvalidInput, PermissionDenied where `by` may not do so, or NotFound if it was deleted meanwhile.
    """
    with (
        second_look(lambda: check_login(owner=login.owner, fields=fields, login=login)),
        transaction.atomic(),
    ):
        row = still_there(
            RegistryLogin.objects.select_for_update(), login, called=f"The login for {login.prefix}"
        )
        clean = check_login(owner=row.owner, fields=fields, login=row)
        if not row.shared:
            _check_right_to_share(by, clean)
        row.username, row.shared = clean.username, clean.shared
        if clean.password is not None:
            row.encrypted = _encrypted(clean.password)
        row.updated_at = now
        row.check_asked_at = row.checked_at = row.accepted = None
        row.answer = ""
        row.save()
    changes.publish([changes.REGISTRIES])
    return row


def delete_login(*, login: RegistryLogin) -> None:
    """Deletes a login, if it is still there: no image is pulled with it any more, nor started from a machine's store
    because of it."""
    RegistryLogin.objects.filter(id=login.id).delete()
    changes.publish([changes.REGISTRIES])


def ask_for_check(*, login: RegistryLogin, now: datetime) -> None:
    """Has the login tried on the engines that answer: see `services.access.registry_checks`."""
    with transaction.atomic():
        RegistryLogin.objects.filter(id=login.id).update(check_asked_at=now)
        queueing.enqueue_after_commit(queueing.CHECK_LOGIN, [login.id])
        changes.publish([changes.REGISTRIES])


def credentials_of(login: RegistryLogin) -> Credentials:
    """The user name and the password. Raises ciphers.Unreadable."""
    return Credentials(login.username, decrypt(bytes(login.encrypted), purpose=PURPOSE))


def _check_right_to_share(by: User, clean: LoginFields) -> None:
    if clean.shared and not by.is_staff:
        raise PermissionDenied("Only administrators may share a registry's login with everybody.")


def _is_taken(owner: User, clean: LoginFields, login: RegistryLogin | None) -> bool:
    rows = RegistryLogin.objects.filter(prefix=clean.prefix, shared=clean.shared)
    if not clean.shared:
        rows = rows.filter(owner=owner)
    if login is not None:
        rows = rows.exclude(pk=login.pk)
    return rows.exists()


def _taken(clean: LoginFields) -> str:
    whose = "everybody’s jobs" if clean.shared else "these jobs"
    return f"There is a login of {whose} for {clean.prefix} already. Change that one."


def _encrypted(password: str) -> bytes:
    return encrypt(password, purpose=PURPOSE)
