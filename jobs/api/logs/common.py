"""What all operations on logs share: their words for errors, which group is meant, tokens."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any

from django.core import signing

from jobs.domain.errors import Conflict, InvalidInput, LimitReached, NotFound
from jobs.domain.filters.patterns import Pattern, parse
from jobs.models import LogStream
from jobs.selectors.logs.events import some_streams_of
from jobs.selectors.logs.groups import find_group
from jobs.selectors.logs.lines import LogUnreadable
from jobs.services.setup.log_groups import NO_GROUP

from ..calls import Caller, Request
from ..errors import ApiError, in_aws_words

NO_STREAM = "The specified log stream does not exist."
Run = Callable[[Caller, Request, datetime], Mapping[str, Any]]


def invalid(message: str) -> ApiError:
    """CloudWatch Logs' error for what the caller did wrong."""
    return ApiError("InvalidParameterException", message)


def not_found(message: str) -> ApiError:
    """For what is not there, or not for this caller."""
    return ApiError("ResourceNotFoundException", message)


def in_logs_words(run: Run, *, conflict: str = "OperationAbortedException") -> Run:
    """An operation whose errors have CloudWatch Logs' codes."""

    @wraps(run)
    def answered(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
        try:
            return run(caller, request, now)
        except InvalidInput as error:
            raise invalid(in_aws_words(error).message) from None
        except NotFound as error:
            raise not_found(str(error)) from None
        except LimitReached as error:
            raise ApiError("LimitExceededException", str(error)) from None
        except Conflict as error:
            raise ApiError(conflict, str(error)) from None
        except LogUnreadable as error:
            said = f"A part of this log cannot be read: {error}."
            raise ApiError("ServiceUnavailableException", said, status=503) from None

    return answered


def group_arn(caller: Caller, name: str) -> str:
    """A log group's ARN; CloudWatch Logs puts a colon where others have a slash."""
    return f"arn:aws:logs:{caller.arns.region}:{caller.arns.account}:log-group:{name}"


def group_name_in(caller: Caller, identifier: str) -> str:
    """The name in a group's ARN, or the name itself. Raises ApiError."""
    if not identifier.startswith("arn:"):
        return identifier
    name = identifier.removeprefix(group_arn(caller, ""))
    if name.startswith("arn:"):
        raise not_found(NO_GROUP)
    return name


def group_of(caller: Caller, request: Request) -> str:
    """The group that `logGroupName` or `logGroupIdentifier` names. Raises ApiError unless it exists."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise invalid("Give either logGroupName or logGroupIdentifier, and not both.")
    found = name if name is not None else group_name_in(caller, str(identifier))
    if find_group(found) is None:
        raise not_found(NO_GROUP)
    return str(found)


def stream_of(caller: Caller, group: str, name: str) -> LogStream:
    """The stream of that name. Raises ApiError unless it exists for the caller."""
    rows = some_streams_of(user=caller.user, group=group, names=[name], prefixes=None)
    stream = rows.first()
    if stream is None:
        raise not_found(NO_STREAM)
    return stream


def pattern_of(pattern: str | None) -> Pattern:
    """What a filter pattern selects. Raises InvalidInput."""
    return parse(pattern or "")


def token_of(operation: str, *content: Any) -> str:
    """An opaque token: of the same content always the same, and good for this operation only."""
    return signing.Signer(salt=f"batchweb.api.logs.{operation}").sign_object(
        list(content), compress=False
    )


def content_of(operation: str, token: str) -> list[Any]:
    """What `token_of` was given. Raises ApiError for anything else."""
    try:
        content = signing.Signer(salt=f"batchweb.api.logs.{operation}").unsign_object(token)
    except (signing.BadSignature, ValueError):
        raise invalid("The specified nextToken is invalid.") from None
    return list(content)
