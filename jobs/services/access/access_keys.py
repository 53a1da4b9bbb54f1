"""Access keys as AWS has them: an id, and a secret that requests are signed with.

The secret is shown once. It is stored encrypted, not as a digest: a signature is checked by making it again.
"""

import base64
import hmac
import secrets
from datetime import datetime
from hashlib import sha256

from django.contrib.auth.models import User

from jobs.models import AccessKey
from jobs.selectors.access.keys import KEY_PREFIX, find_key

from . import ciphers, handed_out

PURPOSE = b"batchweb access keys"
# 16 characters of base32, and 40 of base64: the lengths that tools know from AWS.
ID_BYTES = 10
SECRET_BYTES = 30
MAX_KEYS_PER_USER = 50
UNREADABLE = "Its secret cannot be read: SECRET_KEY is not the one that it was stored with. Make a new access key."


def create_access_key(*, user: User, name: object, now: datetime) -> tuple[AccessKey, str]:
    """A new access key and its secret, which is not shown again. Raises InvalidInput."""
    text = handed_out.check_new(
        AccessKey, user=user, name=name, what="access key", at_most=MAX_KEYS_PER_USER
    )
    secret = new_secret()
    key = AccessKey.objects.create(
        user=user,
        name=text,
        access_key_id=new_key_id(KEY_PREFIX),
        encrypted_secret=encrypt_secret(secret),
        created_at=now,
    )
    return key, secret


def secret_again(key: AccessKey) -> str:
    """The secret of a key that was just made, for the answer to a second click; empty if it cannot be read."""
    try:
        return decrypt_secret(bytes(key.encrypted_secret))
    except ciphers.Unreadable:
        return ""


def revoke_access_key(*, user: User, key_id: int, now: datetime) -> AccessKey:
    """Makes the key worthless from now on; revoking it again changes nothing. Raises NotFound."""
    return handed_out.revoke(find_key(user=user, key_id=key_id), now)


def problem_of(key: AccessKey) -> str:
    """Why a key that was not revoked is of no use all the same; empty if it is of use."""
    try:
        decrypt_secret(bytes(key.encrypted_secret))
    except ciphers.Unreadable:
        return "" if key.revoked_at else UNREADABLE
    return ""


def new_key_id(prefix: str) -> str:
    """An id as AWS writes them: the prefix, and 16 random characters."""
    return prefix + base64.b32encode(secrets.token_bytes(ID_BYTES)).decode()


def new_secret() -> str:
    """A secret as AWS makes them: 40 random characters."""
    return base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def encrypt_secret(text: str) -> bytes:
    """What is stored of a secret, or of a session token."""
    return ciphers.encrypt(text, purpose=PURPOSE)


def decrypt_secret(stored: bytes) -> str:
    """What was stored. Raises ciphers.Unreadable."""
    return ciphers.decrypt(stored, purpose=PURPOSE)


def session_digest(token: str) -> str:
    """What a session token is known by (`JobCredentials.session_digest`)."""
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def is_session_token(token: str, digest: str) -> bool:
    """Whether the token is that of the digest; takes the same time for every token."""
    return hmac.compare_digest(session_digest(token), digest)
