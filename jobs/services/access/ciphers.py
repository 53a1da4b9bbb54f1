"""Encryption of what is stored but must be had again: secrets of jobs, and secrets of access keys.

The key comes from SECRET_KEY; after a change of that, old values can be read as long as SECRET_KEY_FALLBACKS holds the
old one. Each purpose has a key of its own, so that a value stored for one is worthless where another is looked for.
"""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_BYTES = 32


class Unreadable(Exception):
    """A stored value cannot be read: SECRET_KEY is not the one that it was stored with."""


def encrypt(text: str, *, purpose: bytes) -> bytes:
    """What to store of a text."""
    return _cipher(purpose).encrypt(text.encode())


def decrypt(stored: bytes, *, purpose: bytes) -> str:
    """The text that was stored. Raises Unreadable."""
    try:
        return _cipher(purpose).decrypt(bytes(stored)).decode()
    except InvalidToken:
        raise Unreadable from None


def _cipher(purpose: bytes) -> MultiFernet:
    return _derived((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS), purpose)


@lru_cache(maxsize=16)
def _derived(keys: tuple[str | bytes, ...], purpose: bytes) -> MultiFernet:
    return MultiFernet([Fernet(_key(key, purpose)) for key in keys])


def _key(key: str | bytes, purpose: bytes) -> bytes:
    text = key if isinstance(key, bytes) else key.encode()
    hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose)
    return base64.urlsafe_b64encode(hkdf.derive(text))
