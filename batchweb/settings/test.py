"""Tests: the same parts as in production (a real Redis, SQLite or PostgreSQL), nothing faked."""

import os
import tempfile
from pathlib import Path

# Tests touch neither the developer's database nor his Redis. This is set here and not in a conftest,
# because pytest-django reads the settings before any conftest. Processes that a test starts inherit it.
if "BATCHWEB_TEST_VAR" not in os.environ:
    os.environ["BATCHWEB_TEST_VAR"] = tempfile.mkdtemp(prefix="batchweb-test-")
os.environ["BATCHWEB_VAR"] = os.environ["BATCHWEB_TEST_VAR"]
os.environ["REDIS_URL"] = f"unix://{Path(os.environ['BATCHWEB_VAR']) / 'redis.sock'}?db=0"

from .base import *  # noqa: F403
from .base import DATABASES, VAR_DIR

SECRET_KEY = "only-for-tests"
ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: threads and other processes then see the same rows and the same locks.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
BATCHWEB_KEEP_CONNECTIONS = False
