"""Which service a call is for, from its path, its headers and the scope of its signature."""

import re
from urllib.parse import parse_qs

from .calls import Call
from .catalogue import Service, elsewhere, services

BATCH_PATH = "/v1/"
MAX_NAME_CHARACTERS = 64
ALGORITHM = "AWS4-HMAC-SHA256"
# Its parts are bounded: else many beginnings would each be followed to the end of a long header.
_SCOPE = re.compile(
    r"Credential=[^/, ]{1,256}/[0-9]{1,32}/[^/, ]{0,256}/(?P<service>[a-z0-9-]+)/aws4_request"
)


def is_for_the_api(call: Call) -> bool:
    """Whether a request is for the API and not for a page: by its path, or because it is signed as AWS's are."""
    return (
        is_for_batch(call)
        or call.headers.get("authorization", "").startswith(ALGORITHM)
        or "x-amz-target" in call.headers
        or "X-Amz-Algorithm=" in call.query
    )


def is_for_batch(call: Call) -> bool:
    """Whether a call is for AWS Batch, which has paths of its own."""
    return call.path.startswith(BATCH_PATH)


def service_of(call: Call) -> Service:
    """The service that a call is for; if it is none of ours, one that says so in that service's own format."""
    known = services()
    if is_for_batch(call):
        return known["batch"]
    name = _signed_for(call)
    prefix = call.headers.get("x-amz-target", "").partition(".")[0]
    if prefix:
        for service in known.values():
            if getattr(service.protocol, "target_prefix", None) == prefix:
                return service
        return elsewhere(name or prefix[:MAX_NAME_CHARACTERS], call)
    # A form that nobody has signed is STS's to refuse: it is what people try first.
    return known.get(name or "sts") or elsewhere(name, call)


def _signed_for(call: Call) -> str:
    """The service that the signature is for; nothing if there is none."""
    found = _SCOPE.search(call.headers.get("authorization", ""))
    if found is None:
        given = parse_qs(call.query).get("X-Amz-Credential", [""])[0]
        found = _SCOPE.search(f"Credential={given}")
    return found["service"][:MAX_NAME_CHARACTERS] if found else ""
