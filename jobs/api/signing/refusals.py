"""Why a signature is not accepted, in the words and codes that SDKs know from AWS."""

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

from ..errors import ApiError


class Why(Enum):
    """What is the matter with a request's signature."""

    MISSING = auto()
    INCOMPLETE = auto()
    UNKNOWN_KEY = auto()
    MISMATCH = auto()
    # Of another time, region or service than this request's.
    ELSEWHERE = auto()
    TOKEN_EXPIRED = auto()


_JSON: Mapping[Why, str] = MappingProxyType(
    {
        Why.MISSING: "MissingAuthenticationTokenException",
        Why.INCOMPLETE: "IncompleteSignatureException",
        Why.UNKNOWN_KEY: "UnrecognizedClientException",
        Why.MISMATCH: "SignatureDoesNotMatch",
        Why.ELSEWHERE: "InvalidSignatureException",
        Why.TOKEN_EXPIRED: "ExpiredTokenException",
    }
)
_QUERY: Mapping[Why, str] = MappingProxyType(
    {
        Why.MISSING: "MissingAuthenticationToken",
        Why.INCOMPLETE: "IncompleteSignature",
        Why.UNKNOWN_KEY: "InvalidClientTokenId",
        Why.MISMATCH: "SignatureDoesNotMatch",
        Why.ELSEWHERE: "SignatureDoesNotMatch",
        Why.TOKEN_EXPIRED: "ExpiredToken",
    }
)
# The services of the older protocols have codes of their own.
_CODES: Mapping[str, Mapping[Why, str]] = MappingProxyType(
    {"sts": _QUERY, "ec2": MappingProxyType({**_QUERY, Why.UNKNOWN_KEY: "AuthFailure"})}
)
MISSING = "Missing Authentication Token"
UNKNOWN_KEY = "The security token included in the request is invalid."
TOKEN_EXPIRED = "The security token included in the request is expired"  # noqa: S105
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


class Refusal(Exception):
    """A signature that is not accepted; `str(refusal)` is fit to be shown."""

    def __init__(self, why: Why, text: str) -> None:
        super().__init__(text)
        self.why = why

    def answered_by(self, service: str) -> ApiError:
        """The error as that service (its signing name) has it."""
        return ApiError(_CODES.get(service, _JSON)[self.why], str(self), status=403)


def incomplete(text: str) -> Refusal:
    """The refusal of a request whose signature is not whole, or not in its form."""
    return Refusal(Why.INCOMPLETE, text)
