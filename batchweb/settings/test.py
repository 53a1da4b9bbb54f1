"""Tests: the same parts as in production (a real Redis, SQLite or PostgreSQL), nothing faked."""

from .base import *  # noqa: F403

SECRET_KEY = "only-for-tests"
ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
