"""`dev.env`: how scripts on this machine reach this installation. Readable by its owner alone."""

import contextlib
import hmac
import os
import shlex
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from django.contrib.auth.models import User

from jobs.models import AccessKey, AccessToken
from jobs.selectors.access.keys import find_credentials

from . import access_keys, ciphers, tokens

URL = "BATCHWEB_URL"
TOKEN = "BATCHWEB_TOKEN"  # noqa: S105 (a name, not a secret)
USER = "BATCHWEB_USER"
PASSWORD = "BATCHWEB_PASSWORD"  # noqa: S105
ENDPOINT_URL = "AWS_ENDPOINT_URL"
ACCESS_KEY_ID = "AWS_ACCESS_KEY_ID"
SECRET_ACCESS_KEY = "AWS_SECRET_ACCESS_KEY"  # noqa: S105
SESSION_TOKEN = "AWS_SESSION_TOKEN"  # noqa: S105
# SDKs put `stream-` before the host for live tail, and there is no such name as stream-localhost.
NO_HOST_PREFIX = "AWS_DISABLE_HOST_PREFIX_INJECTION"
# AWS's own tools read the one, some SDKs the other.
REGIONS = ("AWS_DEFAULT_REGION", "AWS_REGION")


def read_dev_env(path: Path) -> dict[str, str]:
    """The file's assignments; none if there is no such file. Lines that are none are left out."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    values = {}
    for line in lines:
        name, equals, quoted = line.partition("=")
        with contextlib.suppress(ValueError):
            words = shlex.split(quoted)
            if equals and len(words) <= 1:
                values[name.strip()] = words[0] if words else ""
    return values


def write_dev_env(path: Path, values: Mapping[str, str]) -> None:
    """Replaces the file as a whole (mode 0600): who reads it sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes it 0600 from the first moment on.
    handle, name = tempfile.mkstemp(prefix=".dev.env-", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write("".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items()))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def working_token(*, user: User, known: str, token_name: str, now: datetime) -> str:
    """The secret of a token of this user: `known` if it is good, else a new token's.

    A new one replaces those of the same name, so that they do not pile up. Raises InvalidInput.
    """
    if known and tokens.user_of_token(secret=known, now=now) == user:
        return known
    for old in AccessToken.objects.filter(user=user, name=token_name, revoked_at=None):
        tokens.revoke_token(user=user, token_id=old.id, now=now)
    _, secret = tokens.create_token(user=user, name=token_name, now=now)
    return secret


def working_access_key(
    *, user: User, known: tuple[str, str], key_name: str, now: datetime
) -> tuple[str, str]:
    """Id and secret of an access key of this user: those `known` if they are good, else a new key's.

    A new one replaces those of the same name, so that they do not pile up. Raises InvalidInput.
    """
    if _is_good_key(user, *known):
        return known
    for old in AccessKey.objects.filter(user=user, name=key_name, revoked_at=None):
        access_keys.revoke_access_key(user=user, key_id=old.id, now=now)
    key, secret = access_keys.create_access_key(user=user, name=key_name, now=now)
    return key.access_key_id, secret


def _is_good_key(user: User, access_key_id: str, secret: str) -> bool:
    found = find_credentials(access_key_id)
    if found is None or found.key is None or found.user != user:
        return False
    try:
        right = access_keys.decrypt_secret(found.encrypted_secret)
    except ciphers.Unreadable:
        return False
    return hmac.compare_digest(right.encode(), secret.encode())
