"""Errors of the API: what is raised inside, and becomes an answer in the service's own format."""

from collections.abc import Mapping
from functools import reduce

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError

from jobs.domain.errors import BatchError, InvalidInput

MAX_SHOWN_CHARACTERS = 200
NO_NAMES: Mapping[str, str] = {}
# Django's other errors of databases are bugs: rows or statements that a database does not take.
DATABASE_AWAY = (OperationalError, InterfaceError)


class ApiError(Exception):
    """An error with its code in AWS's words (`ClientException`), status and text."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def shown(text: str) -> str:
    """As much as an error repeats of what somebody sent."""
    return text[:MAX_SHOWN_CHARACTERS]


def client_error(message: str) -> ApiError:
    """AWS Batch's error for what the caller did wrong."""
    return ApiError("ClientException", message)


def in_aws_words(error: InvalidInput, names: Mapping[str, str] = NO_NAMES) -> ApiError:
    """The same texts with each field under the name that the caller knows it by (`names`: ours to AWS's).

    A field that `names` does not have keeps its name. Where a text points to another field, that goes by AWS's
    name, too.
    """
    # A name with an underscore is no word of a sentence.
    fields = [ours for ours in names if "_" in ours]
    texts = []
    for field, messages in error.errors.items():
        first, dot, rest = field.partition(".")
        where = names.get(first, first) + dot + rest
        for message in messages:
            said = reduce(lambda text, ours: text.replace(ours, names[ours]), fields, message)
            # Words of AWS's own may begin with the field, or name it.
            names_itself = where != where.lower() and where in said
            texts.append(f"{where}: {said}" if where and not names_itself else said)
    return client_error(" ".join(texts))


def as_api_error(error: Exception) -> ApiError | None:
    """What a caller is told of an error that the rooms below raise; None for a bug."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, InvalidInput):
        return in_aws_words(error)
    if isinstance(error, BatchError):
        return client_error(str(error))
    if isinstance(error, PermissionDenied):
        text = str(error) or "You are not authorized to do this."
        return ApiError("AccessDeniedException", text, status=403)
    if isinstance(error, DATABASE_AWAY):
        return ApiError("ServerException", "The database is busy or away. Try again.", status=500)
    return None
