"""What a post to a page is about, as access policies know it: see `jobs.web.permissions`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from jobs.domain import arns as kinds
from jobs.domain import ids
from jobs.domain.access_actions import OWN
from jobs.domain.access_policies import Resource
from jobs.domain.errors import NotFound
from jobs.domain.registries import registry_prefix
from jobs.domain.validation import FieldError
from jobs.selectors.access.registry_logins import find_login
from jobs.selectors.access.resources import named, new_in_queue
from jobs.selectors.access.secrets import find_secret
from jobs.selectors.named import environment_named


@dataclass(frozen=True, slots=True)
class Post:
    """A post as its rule sees it: who sends it, what the URL names, and its fields."""

    user: User
    kwargs: Mapping[str, Any]
    fields: Mapping[str, Any]


Find = Callable[[Post], Sequence[Resource]]


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def posted(kind: str, *, service: str = "batch") -> Find:
    """What is to be made, by its name."""
    return lambda post: [named(post.user, kind, _text(post.fields.get("name")), service=service)]


def url(kind: str, *, service: str = "batch", argument: str = "name") -> Find:
    """What the URL names."""
    return lambda post: [named(post.user, kind, str(post.kwargs[argument]), service=service)]


def renamed(kind: str, service: str) -> Find:
    """What the URL names, and what it is to be called, if it gets another name."""

    def found(post: Post) -> Sequence[Resource]:
        names = [str(post.kwargs["name"]), _text(post.fields.get("name"))]
        wanted = dict.fromkeys(filter(None, names))
        return [named(post.user, kind, name, service=service) for name in wanted]

    return found


def new_login(post: Post) -> Sequence[Resource]:
    """By its prefix as it is stored, however it is written."""
    text = post.fields.get("prefix")
    try:
        prefix = registry_prefix(text)
    except FieldError:
        # The service refuses it.
        prefix = _text(text)
    return [named(post.user, "registry-login", prefix, service=OWN)]


def new_queue(post: Post) -> Sequence[Resource]:
    """A queue, and what it is to be made of."""
    return [*posted(kinds.JOB_QUEUE)(post), *_parts_of_queue(post)]


def queue(post: Post) -> Sequence[Resource]:
    """A queue, and what it is to be made of that it is not made of yet."""
    queue = url(kinds.JOB_QUEUE)(post)[0]
    return [queue, *new_in_queue(queue, _parts_of_queue(post))]


def _parts_of_queue(post: Post) -> list[Resource]:
    fields = (
        ("environments", kinds.COMPUTE_ENVIRONMENT),
        ("service_environments", kinds.SERVICE_ENVIRONMENT),
        ("scheduling_policy", kinds.SCHEDULING_POLICY),
    )
    return [
        named(post.user, kind, name)
        for field, kind in fields
        for name in _names(post.fields.get(field))
    ]


def _names(given: object) -> list[str]:
    """Of a name, of a list of names, and of one of objects that have them."""
    rows = given if isinstance(given, list) else [given]
    names = [_text(each.get("name") if isinstance(each, dict) else each) for each in rows]
    return [name for name in names if name]


def job(post: Post) -> Sequence[Resource]:
    """The URL's job."""
    job_id: UUID = post.kwargs["job_id"]
    return [named(post.user, kinds.JOB, ids.text_of(job_id))]


def revision(post: Post) -> Sequence[Resource]:
    """The URL's revision of a definition."""
    name = f"{post.kwargs['name']}:{post.kwargs['revision']}"
    return [named(post.user, kinds.JOB_DEFINITION, name)]


def engine(post: Post) -> Sequence[Resource]:
    """The engine of the URL's environment."""
    environment = environment_named(str(post.kwargs["name"]))
    engine = environment.engine if environment is not None else None
    return [named(post.user, "engine", engine.name if engine else "", service=OWN)]


def secret(post: Post) -> Sequence[Resource]:
    """The URL's secret, by its name; empty if he sees none."""
    try:
        name = find_secret(user=post.user, secret_id=post.kwargs["secret_id"]).name
    except NotFound:
        name = ""
    return [named(post.user, "secret", name, service=OWN)]


def login(post: Post) -> Sequence[Resource]:
    """The URL's login, by its prefix; empty if he sees none."""
    try:
        prefix = find_login(user=post.user, login_id=post.kwargs["login_id"]).prefix
    except NotFound:
        prefix = ""
    return [named(post.user, "registry-login", prefix, service=OWN)]


def own(kind: str) -> Find:
    """What somebody has of his own: it goes by his name."""
    return lambda post: [named(post.user, kind, post.user.get_username(), service=OWN)]
