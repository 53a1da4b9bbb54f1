"""The container credentials endpoint: where a container whose job has a role gets its credentials.

Source: AWS SDKs and Tools Reference Guide, "Container credential provider"; errors as the ECS agent words them.
"""

from datetime import UTC

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from jobs.services.attempts.job_credentials import Issued, NoCredentials, fetch_credentials

# Longer than any token of ours; what is longer is not looked at.
MAX_TOKEN_CHARACTERS = 200
MAX_ID = 2**63 - 1


@csrf_exempt
@login_not_required
@sensitive_variables("token", "issued")
def job_credentials(request: HttpRequest, attempt_id: int) -> JsonResponse:
    """The credentials of the container that sends its token, as it is, in the header Authorization."""
    if request.method != "GET":
        return _refused(405, "MethodNotAllowed", "Fetch credentials with GET.")
    token = request.headers.get("Authorization", "")
    if not token:
        return _refused(
            400, "NoIdInRequest", "Send AWS_CONTAINER_AUTHORIZATION_TOKEN as Authorization."
        )
    if len(token) > MAX_TOKEN_CHARACTERS or attempt_id > MAX_ID:
        return _refused(400, "InvalidIdInRequest", "There are no credentials for this token.")
    try:
        issued = fetch_credentials(attempt_id=attempt_id, token=token, now=timezone.now())
    except NoCredentials as refusal:
        return _refused(400, "InvalidIdInRequest", str(refusal))
    return _answer(200, _as_json(issued))


def _as_json(issued: Issued) -> dict[str, str]:
    return {
        "RoleArn": issued.role_arn,
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.secret,
        "Token": issued.token,
        "Expiration": issued.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _refused(status: int, code: str, message: str) -> JsonResponse:
    return _answer(status, {"code": code, "message": message})


def _answer(status: int, body: dict[str, str]) -> JsonResponse:
    response = JsonResponse(body, status=status)
    response["Cache-Control"] = "no-store"
    if status == 405:
        response["Allow"] = "GET"
    return response
