"""Signatures of webhooks, by Standard Webhooks' scheme: a receiver that knows the rule's secret can tell that an event
came from here, unchanged, and when.

Source: Standard Webhooks 1.0.0, "Signature scheme": HMAC-SHA256 of `id.timestamp.body`, in base64, behind `v1,`.
"""

import base64
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from jobs.services.access.ciphers import decrypt, encrypt

SIGNING = b"batchweb webhook signing"
PREFIX = "whsec_"
# The scheme asks for 24 to 64.
SECRET_BYTES = 32


def new_secret() -> str:
    """A secret as the scheme writes it: "whsec_" and its bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def encrypted(secret: str) -> bytes:
    """What to store of a secret."""
    return encrypt(secret, purpose=SIGNING)


def secret_of(stored: bytes) -> str:
    """The secret that was stored. Raises `ciphers.Unreadable`."""
    return decrypt(bytes(stored), purpose=SIGNING)


def signed_headers(*, secret: str, event_id: str, body: bytes, now: datetime) -> Mapping[str, str]:
    """The three headers that a receiver needs besides the body."""
    timestamp = str(int(now.timestamp()))
    key = base64.b64decode(secret.removeprefix(PREFIX))
    text = b".".join([event_id.encode(), timestamp.encode(), body])
    signature = base64.b64encode(hmac.new(key, text, sha256).digest()).decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
