"""With whose login an attempt's image is pulled, and whether the attempt may use what a login brought to a machine.

A login is known by its key: "login:" and the id of a `RegistryLogin`, "secret:" and the id of the secret that the
container's `repositoryCredentials` name, or nothing. Keys and no more go into tables and tasks; what they stand for is
read when the image is pulled, and kept by nobody.

An image that was pulled with a login lies on the machine for all containers there. So that it serves those alone who
may have it, an attempt whose image is of such a repository starts only if its own login has pulled that image there,
as it is now (`ImagePull.proven`). If none has, the image is pulled once more: the registry is asked, and what lies
there already is not fetched again. The same goes for each container with `repositoryCredentials`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Q, Value, When

from jobs import changes
from jobs.domain import reasons, registries
from jobs.domain.registries import NoCredentials, prefixes_of, registry_of, repository_of
from jobs.domain.secret_names import secret_names
from jobs.engines.base import RegistryLogin as Login
from jobs.models import Attempt, ImagePull, ImagePullStatus, RegistryLogin, Secret
from jobs.selectors.access.registry_logins import login_for, offered_logins
from jobs.selectors.access.secrets import offered_secrets
from jobs.selectors.plans import registry_secret_of
from jobs.services.access import ciphers, registry_logins, secrets

LOGIN = registries.LOGIN_KEY
SECRET = registries.SECRET_KEY
NOBODY = ""
# What has pulled an image without a login is everybody's.
PROVEN_BY_NOBODY = "anybody"


@dataclass(frozen=True, slots=True)
class Access:
    """A login by its key, as it is now. With a `problem` there is none, though the container names one."""

    key: str = NOBODY
    version: str = PROVEN_BY_NOBODY
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """What a pull is made with, and how it is told of: `what` names the login without what is secret."""

    login: Login | None
    version: str
    what: str = ""


class LoginGone(Exception):
    """The login was deleted: who waited for it is to look for another."""


class LoginUnreadable(Exception):
    """The login cannot be used; `str(error)` says why and what to do."""


def accesses_of(attempts: Sequence[Attempt]) -> dict[int, Access]:
    """The login of each attempt. `attempts` were read with their jobs and those's specs.

    One query for those without `repositoryCredentials`, and one for those with them.
    """
    references = {attempt.id: registry_secret_of(attempt) for attempt in attempts}
    named = [attempt for attempt in attempts if references[attempt.id]]
    return {
        **_of_owners([attempt for attempt in attempts if not references[attempt.id]]),
        **_of_secrets(named, references),
    }


def to_be_pulled(attempts: Sequence[Attempt]) -> dict[int, Access]:
    """The attempts that may not start before their image is pulled, whatever their machine holds.

    Who has a container already passed this before. One query where no attempt is concerned.
    """
    fresh = [attempt for attempt in attempts if not attempt.container_id]
    private = _private_places(fresh)
    concerned = [
        attempt
        for attempt in fresh
        if registry_secret_of(attempt) or private.intersection(_places_of(attempt))
    ]
    if not concerned:
        return {}
    accesses = accesses_of(concerned)
    proven = _proven(concerned)
    return {
        attempt.id: access
        for attempt in concerned
        if (access := accesses[attempt.id]).problem
        or proven.get((attempt.node.engine_id, attempt.image, access.key)) != access.version
    }


def repository_for(image: str, key: str) -> str:
    """What a pull with a login says, once it has brought its image, of where that is from: nothing without one."""
    return repository_of(image) if key else ""


def read_login(*, key: str, image: str, now: datetime) -> Used:
    """What a key stands for, for a pull of this image; notes that it is used.

    Raises LoginGone or LoginUnreadable.
    """
    registry = registry_of(repository_of(image))
    if key.startswith(LOGIN):
        return _read_registry_login(int(key.removeprefix(LOGIN)), registry, now)
    if key.startswith(SECRET):
        return _read_secret(int(key.removeprefix(SECRET)), registry)
    return Used(None, PROVEN_BY_NOBODY)


def _of_owners(attempts: Sequence[Attempt]) -> dict[int, Access]:
    repositories = {attempt.id: repository_of(attempt.image) for attempt in attempts}
    if not attempts:
        return {}
    rows = offered_logins(
        prefixes={each for one in set(repositories.values()) for each in prefixes_of(one)},
        owner_ids={attempt.job.owner_id for attempt in attempts},
    )
    return {
        attempt.id: _best(repositories[attempt.id], attempt.job.owner_id, rows)
        for attempt in attempts
    }


def _best(repository: str, owner_id: int, rows: Collection[RegistryLogin]) -> Access:
    row = login_for(repository=repository, owner_id=owner_id, offered=rows)
    return Access() if row is None else _access(LOGIN, row)


def _of_secrets(attempts: Sequence[Attempt], references: Mapping[int, str]) -> dict[int, Access]:
    if not attempts:
        return {}
    candidates = {attempt.id: secret_names(references[attempt.id]) for attempt in attempts}
    rows = offered_secrets(
        names={name for each in candidates.values() for name in each},
        owner_ids={attempt.job.owner_id for attempt in attempts},
    )
    by_name = {row.name: row for row in rows}
    return {
        attempt.id: _of_secret(
            attempt,
            references[attempt.id],
            [by_name[name] for name in candidates[attempt.id] if name in by_name],
        )
        for attempt in attempts
    }


def _of_secret(attempt: Attempt, reference: str, rows: Iterable[Secret]) -> Access:
    """The first of the secrets that it may mean and use."""
    for row in rows:
        if row.shared or row.owner_id == attempt.job.owner_id:
            return _access(SECRET, row)
    owner = attempt.job.owner.get_username()
    return Access(problem=f"There is no secret {reference} that jobs of {owner} may use.")


def _access(kind: str, row: RegistryLogin | Secret) -> Access:
    return Access(f"{kind}{row.pk}", row.updated_at.isoformat())


# An engine, with the repository of images there, or (second) with the name of one of them.
Place = tuple[int, str, str]


def _places_of(attempt: Attempt) -> set[Place]:
    """Where an image that was pulled with a login would be the attempt's: its repository on its engine, or itself.

    What Docker might take for an image's id may be any image of the engine.
    """
    engine_id = attempt.node.engine_id
    anywhere = {(engine_id, "", "")} if registries.may_be_an_id(attempt.image) else set()
    return {
        (engine_id, repository_of(attempt.image), ""),
        (engine_id, "", attempt.image),
        *anywhere,
    }


def _private_places(attempts: Sequence[Attempt]) -> set[Place]:
    """What has come there with a login: all of its repository. What is coming just now: that image alone, for nobody
    knows yet whether anything comes of it, and only what was not there before is pulled."""
    wanted = {place for attempt in attempts for place in _places_of(attempt)}
    engine_ids = {engine_id for engine_id, _, _ in wanted}
    rows = ImagePull.objects.filter(engine_id__in=engine_ids)
    has_come = Q(repository__in={repository for _, repository, _ in wanted if repository})
    is_coming = Q(image__in={image for _, _, image in wanted if image}) & Q(
        status=ImagePullStatus.PULLING, login__gt=""
    )
    itself = Case(When(repository="", then="image"), default=Value(""))
    places = rows.filter(has_come | is_coming).values_list("engine_id", "repository", itself)
    found: set[Place] = set(places.order_by().distinct())
    for engine_id, repository, image in wanted:
        is_anywhere = not repository and not image
        if is_anywhere and rows.filter(engine_id=engine_id, repository__gt="").exists():
            found.add((engine_id, "", ""))
    return found


def _proven(attempts: Sequence[Attempt]) -> Mapping[tuple[int, str, str], str]:
    rows = ImagePull.objects.filter(
        engine_id__in={attempt.node.engine_id for attempt in attempts},
        image__in={attempt.image for attempt in attempts},
    ).exclude(proven="")
    return {(row.engine_id, row.image, row.login): row.proven for row in rows}


def _read_registry_login(login_id: int, registry: str, now: datetime) -> Used:
    row = RegistryLogin.objects.filter(id=login_id).first()
    if row is None:
        raise LoginGone
    try:
        credentials = registry_logins.credentials_of(row)
    except ciphers.Unreadable:
        raise LoginUnreadable(
            f"The password of the login for {row.prefix} cannot be read: SECRET_KEY is not the one that it was "
            "stored with. Give it anew."
        ) from None
    RegistryLogin.objects.filter(id=login_id).update(last_used_at=now)
    changes.publish([changes.REGISTRIES])
    return Used(
        Login(registry, credentials.username, credentials.password),
        row.updated_at.isoformat(),
        f"login for {row.prefix}",
    )


def _read_secret(secret_id: int, registry: str) -> Used:
    row = Secret.objects.filter(id=secret_id).first()
    if row is None:
        raise LoginGone
    try:
        credentials = registries.credentials_in(secrets.value_of(row))
    except secrets.SecretUnavailable as error:
        raise LoginUnreadable(str(error)) from None
    except NoCredentials as error:
        raise LoginUnreadable(f"The secret {row.name} {error}") from None
    return Used(
        Login(registry, credentials.username, credentials.password),
        row.updated_at.isoformat(),
        f"user name and password in the secret {row.name}",
    )


def registry_auth_unavailable(problem: str) -> tuple[str, str]:
    """Why an attempt ends that names a login which cannot be had: AWS's reason, and a sentence for people."""
    return (
        reasons.registry_auth_unavailable(problem),
        f"{problem} Mend that, and submit the job again.",
    )
