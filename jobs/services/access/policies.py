"""Writing access policies, and to whom they are attached: superusers alone, whom none binds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from jobs.domain import access_documents as documents
from jobs.domain.errors import InvalidInput
from jobs.domain.validation import Checker, FieldError
from jobs.models import AccessPolicy
from jobs.selectors.access.policies import find_group, find_user
from jobs.selectors.realm import arns
from jobs.services.writing.races import second_look, still_there

FIELDS = frozenset({"name", "description", "document"})
# IAM's is 10, and up to 20 on request.
MAX_ATTACHED = 20
ONLY_SUPERUSERS = (
    "Only superusers change access policies: whoever may change what binds him is not bound by it."
)


@dataclass(frozen=True, slots=True)
class PolicyFields:
    """A policy that passed every check; `document` is its text as it is stored."""

    name: str
    description: str
    document: str


def require_superuser(by: User) -> None:
    """Raises PermissionDenied for anybody else."""
    if not by.is_superuser:
        raise PermissionDenied(ONLY_SUPERUSERS)


def check_policy(
    *, fields: Mapping[str, object], policy: AccessPolicy | None = None
) -> PolicyFields:
    """The clean policy, or InvalidInput with every field that is wrong. Writes nothing.

    `name`, `description` and `document`: JSON text, or what JSON can say. With `policy`, what is left out stays.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    before = {name: getattr(policy, name) for name in FIELDS} if policy else {}
    given = {**before, **fields}
    clean = PolicyFields(
        name=checker.check("name", lambda name: _free_name(name, policy), given.get("name"), ""),
        description=checker.check(
            "description", documents.description, given.get("description"), ""
        ),
        document=checker.check("document", _document_text, given.get("document"), ""),
    )
    checker.done()
    return clean


def create_policy(*, by: User, fields: Mapping[str, object], now: datetime) -> AccessPolicy:
    """Stores a policy, attached to nobody. Raises InvalidInput or PermissionDenied; then nothing changed."""
    require_superuser(by)
    clean = check_policy(fields=fields)
    with second_look(lambda: check_policy(fields=fields)), transaction.atomic():
        return AccessPolicy.objects.create(
            name=clean.name,
            description=clean.description,
            document=clean.document,
            created_at=now,
            updated_at=now,
        )


def update_policy(
    *, policy: AccessPolicy, by: User, fields: Mapping[str, object], now: datetime
) -> AccessPolicy:
    """Changes what `fields` names: it holds from the next request on. Raises InvalidInput, or others."""
    require_superuser(by)
    with second_look(lambda: check_policy(fields=fields, policy=policy)), transaction.atomic():
        row = _locked(policy)
        clean = check_policy(fields=fields, policy=row)
        row.name, row.description, row.document = clean.name, clean.description, clean.document
        row.updated_at = now
        row.save(update_fields=["name", "description", "document", "updated_at"])
    return row


def delete_policy(*, policy: AccessPolicy, by: User) -> None:
    """Deletes a policy, if it is still there: from the next request on it binds nobody. Raises PermissionDenied."""
    require_superuser(by)
    AccessPolicy.objects.filter(pk=policy.pk).delete()


def attach_policy(*, policy: AccessPolicy, by: User, fields: Mapping[str, object]) -> str:
    """Attaches it to the `user` or the `group` of that name; the name. Attached already, it stays so.

    Raises InvalidInput, PermissionDenied or NotFound.
    """
    require_superuser(by)
    found = _whom(fields)
    with transaction.atomic():
        row = _locked(policy)
        field = "user" if isinstance(found, User) else "group"
        others = AccessPolicy.objects.exclude(pk=row.pk).filter(**{f"{field}s": found})
        if others.count() >= MAX_ATTACHED:
            told = f"{found} has {MAX_ATTACHED} policies. Put their statements into fewer."
            raise InvalidInput({field: [told]})
        if isinstance(found, User):
            row.users.add(found)
        else:
            row.groups.add(found)
    return str(found)


def detach_policy(*, policy: AccessPolicy, by: User, fields: Mapping[str, object]) -> str:
    """Takes it from the `user` or the `group` of that name; the name. Raises InvalidInput or PermissionDenied."""
    require_superuser(by)
    found = _whom(fields)
    if isinstance(found, User):
        policy.users.remove(found)
    else:
        policy.groups.remove(found)
    return str(found)


def _locked(policy: AccessPolicy) -> AccessPolicy:
    rows = AccessPolicy.objects.select_for_update()
    return still_there(rows, policy, called=f"The access policy {policy.name}")


def _whom(fields: Mapping[str, object]) -> User | Group:
    checker = Checker()
    checker.only(fields, {"user", "group"})
    checker.done()
    given = [name for name in ("user", "group") if fields.get(name)]
    if len(given) != 1:
        raise InvalidInput({"": ["Give a user or a group, one of them."]})
    field = given[0]
    text = str(fields[field]).strip()
    found = find_user(text) if field == "user" else find_group(text)
    if found is None:
        raise InvalidInput({field: [f"There is no {field} {text[:150]}."]})
    return found


def _free_name(value: object, policy: AccessPolicy | None) -> str:
    name = documents.policy_name(value)
    rows = AccessPolicy.objects.filter(name=name)
    if (rows.exclude(pk=policy.pk) if policy else rows).exists():
        raise FieldError(f"There is a policy {name} already. Choose another name.")
    return name


def _document_text(value: object) -> str:
    return json.dumps(documents.document(value, arns()), indent=2, ensure_ascii=False)
