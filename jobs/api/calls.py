"""What goes in and out of the API, whatever web server carries it."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jobs.domain.arns import Arns

if TYPE_CHECKING:
    # `asgi` imports this before Django is set up.
    from django.contrib.auth.models import User

    from jobs.models import AccessKey

Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came: `path` still percent-encoded, `headers` by lower-case name. `address`: from where."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back. With `stream`, that is sent after `body`, for as long as it lasts.

    `afterwards` is to be called in a thread once it is sent: work that nobody waits for. It never raises.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    afterwards: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `attempt_id` is that of the container whose job's role he acts in, if he does.

    `key` is the lasting access key that the request is signed with, if it is one. `address`: from where. `is_given`: an
    access policy gives him what he asks for now, where that is an administrator's.
    """

    user: "User"
    arns: Arns
    access_key_id: str = ""
    attempt_id: int | None = None
    key: "AccessKey | None" = None
    address: str = ""
    is_given: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a service: what it does, and how it differs from AWS (a sentence, in Markdown).

    `names`: what its members are called by those below, to what AWS calls them: for what `run` raises.
    """

    run: Callable[[Caller, Request, datetime], Mapping[str, Any]]
    differs: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
