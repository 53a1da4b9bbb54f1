"""Which service a call is for, from its path, its headers and the scope of its signature."""

import re

from .calls import Call
from .services import Service, services

BATCH_PATH = "/v1/"
ALGORITHM = "AWS4-HMAC-SHA256"
_SCOPE = re.compile(r"Credential=[^/, ]+/[0-9]+/[^/, ]*/(?P<service>[a-z0-9-]+)/aws4_request")


def is_for_the_api(call: Call) -> bool:
    """Whether a request is for the API and not for a page: by its path, or because it is signed as AWS's are."""
    return (
        call.path.startswith(BATCH_PATH)
        or call.headers.get("authorization", "").startswith(ALGORITHM)
        or "x-amz-target" in call.headers
        or "X-Amz-Algorithm=" in call.query
    )


def service_of(call: Call) -> Service:
    """The service that a call is for. One that names none that we know is answered as Batch would."""
    known = services()
    if call.path.startswith(BATCH_PATH):
        return known["batch"]
    prefix = call.headers.get("x-amz-target", "").partition(".")[0]
    if prefix:
        for service in known.values():
            if getattr(service.protocol, "target_prefix", None) == prefix:
                return service
        return known["logs"]
    scope = _SCOPE.search(call.headers.get("authorization", ""))
    name = scope["service"] if scope else "sts"
    return known["ec2"] if name == "ec2" else known["sts"]
