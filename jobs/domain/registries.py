"""Logins of image registries: what they are for, which of them an image is pulled with, and their limits.

A login is for all images below a prefix: a registry's host, with its port, and perhaps a path in it. Hosts and
paths are told apart as Docker does it (its reference grammar): what stands before the first slash is a host if it
holds a dot or a colon, or is localhost; all other images are of Docker's own registry.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from .validation import UNSTORABLE_PATTERN, FieldError, read_text

# Docker's own names of the registry that images without a host come from, and of its official images there.
DEFAULT_REGISTRY = "docker.io"
DEFAULT_REGISTRY_ALIASES = ("index.docker.io",)
OFFICIAL = "library"
LATEST = "latest"
MAX_PREFIX_CHARACTERS = 255
MAX_USER_NAME_CHARACTERS = 255
# Ours. Tokens of some registries have some thousand characters.
MAX_PASSWORD_BYTES = 16 * 1024
HOST_PATTERN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
PATH_PATTERN = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")
SCHEME_PATTERN = re.compile(r"^https?://", re.IGNORECASE)
# What Docker would also take for the id of an image that it holds, or for its beginning.
ID_PATTERN = re.compile(r"(sha256:)?[0-9a-f]{1,64}")
# A login's key (`ImagePull.login`) is one of these and an id: of a `RegistryLogin`, or of a secret with credentials.
LOGIN_KEY = "login:"
SECRET_KEY = "secret:"  # noqa: S105
CONTROL_PATTERN = re.compile(r"[\x00-\x1f\x7f]")
PREFIX = (
    "Give the registry's host, with its port and a path if need be: registry.example.com, localhost:5000, "
    "registry.example.com/team."
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who is told to a registry. Nothing of it is printed."""

    username: str = field(repr=False)
    password: str = field(repr=False)


class NoCredentials(ValueError):
    """A text holds no user name and password; `str(error)` says what it has to look like."""


def repository_of(image: str) -> str:
    """The image's registry and path, as logins have them: without tag and digest, and with its host."""
    name = image.partition("@")[0]
    last = name.rpartition("/")[2]
    name = name[: len(name) - len(last)] + last.partition(":")[0]
    host, slash, path = name.partition("/")
    if not slash or not is_host(host):
        host, path = DEFAULT_REGISTRY, name
    registry = _registry(host)
    if registry == DEFAULT_REGISTRY and "/" not in path:
        path = f"{OFFICIAL}/{path}"
    return f"{registry}/{path}"


def spellings_of(image: str) -> tuple[str, ...]:
    """All names by which Docker knows the same image, its own first: with and without its registry's host, the path of
    official images, and the tag that is meant where there is none. Beside a digest a tag says nothing."""
    name, at, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    ends = {f"@{digest}"} if at else {f":{tag or LATEST}"}
    if not at and tag in ("", LATEST):
        ends.add("")
    registry, _, path = repository_of(image).partition("/")
    begins = {f"{registry}/"}
    if registry == DEFAULT_REGISTRY:
        hosts = ("", *(f"{host}/" for host in (registry, *DEFAULT_REGISTRY_ALIASES)))
        begins = {f"{host}{part}" for host in hosts for part in ("", f"{OFFICIAL}/")}
        official, slash, short = path.partition("/")
        if official != OFFICIAL or "/" in short or not slash:
            begins = set(hosts)
        else:
            path = short
    others = {f"{begin}{path}{end}" for begin in begins for end in ends}
    return (image, *sorted(others - {image}))


def registry_of(prefix: str) -> str:
    """The host, with its port, of a repository or of what begins one."""
    return prefix.partition("/")[0]


def prefixes_of(repository: str) -> tuple[str, ...]:
    """Whatever a login for this repository may be stored for, the most exact first."""
    parts = repository.split("/")
    return tuple("/".join(parts[:count]) for count in range(len(parts), 0, -1))


def may_be_an_id(image: str) -> bool:
    """Whether Docker may take it for the id of an image that it holds, whatever that is called."""
    return ID_PATTERN.fullmatch(image) is not None


def is_host(text: str) -> bool:
    """Whether the first part of an image's name is a registry's host."""
    return "." in text or ":" in text or text == "localhost" or text != text.lower()


def registry_prefix(value: object) -> str:
    """What a login is for, in its one form: without a scheme, which no image's name has. Raises FieldError."""
    text = SCHEME_PATTERN.sub("", read_text(value), count=1).rstrip("/")
    if not text:
        raise FieldError(PREFIX)
    if len(text) > MAX_PREFIX_CHARACTERS:
        raise FieldError(f"This has at most {MAX_PREFIX_CHARACTERS} characters.")
    host, *path = text.split("/")
    host = _registry(host)
    if not is_host(host) or not HOST_PATTERN.fullmatch(host):
        raise FieldError(PREFIX)
    for part in path:
        if not PATH_PATTERN.fullmatch(part):
            raise FieldError(
                "After the host comes the beginning of images' names, without a tag: small letters, digits, "
                "and . _ - between them, as in registry.example.com/team/project."
            )
    return "/".join([host, *path])


def user_name(value: object) -> str:
    """The name that a registry knows. Raises FieldError."""
    text = read_text(value)
    if not text:
        raise FieldError("Give the user name that the registry knows.")
    if len(text) > MAX_USER_NAME_CHARACTERS or ":" in text or CONTROL_PATTERN.search(text):
        raise FieldError(
            f"A user name has at most {MAX_USER_NAME_CHARACTERS} characters, none of them a colon or a line end."
        )
    return text


def password(value: object) -> str:
    """A password or token, to the letter. Raises FieldError."""
    if not isinstance(value, str) or not value:
        raise FieldError("Give the password or token.")
    if UNSTORABLE_PATTERN.search(value):
        raise FieldError("A password cannot hold NUL characters or broken Unicode.")
    if len(value.encode()) > MAX_PASSWORD_BYTES:
        raise FieldError(f"A password has at most {MAX_PASSWORD_BYTES // 1024} KiB.")
    return value


def credentials_in(text: str) -> Credentials:
    """What a secret for `repositoryCredentials` holds. Raises NoCredentials, which tells nothing of the text.

    Source: Amazon ECS Developer Guide, "Using non-AWS container images": {"username": ..., "password": ...}.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NoCredentials('has to hold JSON: {"username": "...", "password": "..."}.')
    try:
        return Credentials(user_name(found.get("username")), password(found.get("password")))
    except FieldError as error:
        raise NoCredentials(
            f'has to hold JSON, {{"username": "...", "password": "..."}}: {error}'
        ) from None


def best_of(repository: str, prefixes: Iterable[str]) -> str | None:
    """The longest of the prefixes that the repository is below; None: none of them."""
    offered = set(prefixes)
    return next((each for each in prefixes_of(repository) if each in offered), None)


def _registry(host: str) -> str:
    small = host.lower()
    return DEFAULT_REGISTRY if small in DEFAULT_REGISTRY_ALIASES else small
