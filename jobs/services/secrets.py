"""The secret store: values that containers are given as variables, and that are kept encrypted.

A value is read by `resolve` alone, when a container is made. It is in no log, page, error or job. The key comes
from SECRET_KEY: whoever changes that has to store all secrets anew.
"""

import base64
from collections.abc import Collection, Mapping
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from jobs.domain import secrets as rules
from jobs.domain.errors import NotFound, PermissionDenied
from jobs.domain.secret_names import secret_names
from jobs.domain.validation import Checker, FieldError
from jobs.models import Secret
from jobs.selectors.secrets import visible_secrets

FIELDS = frozenset({"name", "value", "shared"})
KEY_BYTES = 32
PURPOSE = b"batchweb secret store"


class SecretUnavailable(Exception):
    """A secret is not there, is not the owner's to use, or cannot be read; `str(error)` names it."""
