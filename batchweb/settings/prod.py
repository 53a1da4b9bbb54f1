"""Production: behind TLS, with PostgreSQL and Redis named by DATABASE_URL and REDIS_URL."""

from pathlib import Path

from .base import *  # noqa: F403
from .base import DATABASES, STORAGES, VAR_DIR
from .environment import env_bool, env_int, env_str

for _name in ("BATCHWEB_SECRET_KEY", "BATCHWEB_ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"):
    if not env_str(_name):
        raise RuntimeError(f"{_name} is not set: production needs it, see docs/production.md")

if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # Under ASGI each request has its own thread; a pool spares it a new connection.
    DATABASES["default"]["OPTIONS"] = {
        **(DATABASES["default"].get("OPTIONS") or {}),
        "pool": {"min_size": 1, "max_size": env_int("BATCHWEB_DATABASE_POOL", 20)},
    }
# An image brings its static files along; `var`, which it keeps in a volume, outlives it.
STATIC_ROOT = Path(env_str("BATCHWEB_STATIC_ROOT") or VAR_DIR / "staticfiles")
STORAGES["staticfiles"] = {
    "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage",
}

_tls = env_bool("BATCHWEB_TLS", default=True)
SESSION_COOKIE_SECURE = _tls
CSRF_COOKIE_SECURE = _tls
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _tls else None
SECURE_HSTS_SECONDS = 31_536_000 if _tls else 0

SILENCED_SYSTEM_CHECKS = [
    # The proxy that ends TLS redirects; health checks reach the server behind it without TLS.
    "security.W008",
    # What other hosts of the domain do is not for this server to say.
    "security.W005",
    "security.W021",
]
