"""Settings that every way of running Batchweb shares. `dev`, `prod` and `test` build on it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import dj_database_url

from .environment import (
    BASE_DIR,
    SERVICE_ADDRESS,
    env_bool,
    env_int,
    env_list,
    env_str,
    installation_id,
    jobs_api_url,
    postgres_options,
    redis_url,
    secret_key,
    trusted_proxies,
    var_dir,
    web_address,
)

VAR_DIR = var_dir()
SECRET_KEY = secret_key(VAR_DIR)
DEBUG = False
# Jobs with a role ask at the service address.
ALLOWED_HOSTS = [
    *env_list("BATCHWEB_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]"),
    SERVICE_ADDRESS,
]
CSRF_TRUSTED_ORIGINS = env_list("BATCHWEB_CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_rq",
    "django_htmx",
    "jobs",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "jobs.web.middleware.CompressionMiddleware",
    "jobs.web.middleware.ContentSecurityPolicyMiddleware",
    "jobs.web.middleware.EncodingMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    # Before the CSRF check, which it switches off for scripts that bring a token.
    "jobs.web.access.BearerTokenMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "jobs.web.access.AccessMiddleware",
    # After those who know the user.
    "jobs.web.auditing.AuditMiddleware",
    # After the audit trail, which lists what is refused.
    "jobs.web.permissions.PolicyMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "jobs.web.renewals.SharedRenewalMiddleware",
    # Last, so that it is the first to hear of a view's error.
    "jobs.web.middleware.ErrorAnswerMiddleware",
]

ROOT_URLCONF = "batchweb.urls"
ASGI_APPLICATION = "batchweb.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["jobs.web.tags", "jobs.web.words", "jobs.web.regions"],
        },
    },
]

# SQLite needs three things to serve many processes: a write-ahead log, transactions that take
# the write lock at their start (so that they queue instead of failing half way), and patience.
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
    "init_command": (
        "PRAGMA journal_mode=WAL;"
        "PRAGMA synchronous=NORMAL;"
        "PRAGMA busy_timeout=30000;"
        "PRAGMA cache_size=-16000;"
    ),
}
DATABASES = {
    "default": dj_database_url.parse(
        env_str("DATABASE_URL") or f"sqlite:///{VAR_DIR / 'batchweb.sqlite3'}"
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    DATABASES["default"]["OPTIONS"] = postgres_options(DATABASES["default"].get("OPTIONS"))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = redis_url(VAR_DIR)
RQ_TASK_TIMEOUT_SECONDS = 120
RQ_PULL_TIMEOUT_SECONDS = 2 * 3600
RQ_QUEUES = {
    # Stops and reaps free capacity, so they go before launches; workers listen in this order.
    "stop": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_TASK_TIMEOUT_SECONDS},
    "budgets": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_TASK_TIMEOUT_SECONDS},
    "costs": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_TASK_TIMEOUT_SECONDS},
    "reap": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_TASK_TIMEOUT_SECONDS},
    "launch": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_TASK_TIMEOUT_SECONDS},
    "metrics": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_TASK_TIMEOUT_SECONDS},
    "events": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_TASK_TIMEOUT_SECONDS},
    "bulk": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_TASK_TIMEOUT_SECONDS},
    # Image pulls take minutes; a worker of their own keeps them from holding up launches.
    "pull": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_PULL_TIMEOUT_SECONDS},
    "cleanup": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_TASK_TIMEOUT_SECONDS},
    # Nothing waits for it: what is new is found by its name meanwhile.
    "search": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_TASK_TIMEOUT_SECONDS},
    # How long it takes to measure what a job wrote is up to the job: no other task waits for that.
    "checkpoints": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_TASK_TIMEOUT_SECONDS},
    # Receivers may be slow, or not answer at all: no other task waits for that.
    "sending": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": RQ_TASK_TIMEOUT_SECONDS},
}
# `queueing` defers to after the commit itself, so that it can hand over many tasks at once.
RQ = {"COMMIT_MODE": "auto"}

# The second is that of sessions from before there was the first.
AUTHENTICATION_BACKENDS = [
    "jobs.web.logins.PolicyBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
CSRF_FAILURE_VIEW = "jobs.web.errors.csrf_failed"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT: Path | None = VAR_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]

# "joblogs" is where compressed log chunks go; any Django storage backend fits.
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "files"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "joblogs": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "joblogs"},
    },
}

# Rules that send events by e-mail use this server; without one there is no e-mail.
EMAIL_HOST = env_str("EMAIL_HOST")
EMAIL_PORT = env_int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env_str("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env_str("EMAIL_HOST_PASSWORD")
# STARTTLS (mostly port 587), or TLS from the beginning (465).
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS")
EMAIL_USE_SSL = env_bool("EMAIL_USE_SSL")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env_str("DEFAULT_FROM_EMAIL") or "batchweb@localhost"

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "batchweb": {"handlers": ["console"], "level": env_str("BATCHWEB_LOG_LEVEL", "INFO")},
        # Without this, an error in a page would go unseen where DEBUG is off.
        "django.request": {"handlers": ["console"], "level": "ERROR"},
    },
}

# --- Batchweb's own ------------------------------------------------------------------
# Marks this installation's containers, so that several can share a Docker Engine. Two installations
# have two var folders (or databases): the id follows from them unless it is set.
BATCHWEB_INSTALLATION = env_str("BATCHWEB_INSTALLATION") or installation_id(VAR_DIR)
# Memory that a node keeps for the engine and the system, and never gives to jobs.
BATCHWEB_NODE_RESERVED_MEMORY_MIB = env_int("BATCHWEB_NODE_RESERVED_MEMORY_MIB", 512)
# Published AWS Fargate rates (us-east-1, Linux/x86), the default price of an environment.
BATCHWEB_DEFAULT_USD_PER_VCPU_HOUR = Decimal("0.04048")
BATCHWEB_DEFAULT_USD_PER_GIB_HOUR = Decimal("0.004445")
# SIGTERM, then this long, then SIGKILL.
BATCHWEB_STOP_GRACE_SECONDS = env_int("BATCHWEB_STOP_GRACE_SECONDS", 30)
# An instance on which nothing runs is ended after so long, unless its environment says otherwise.
BATCHWEB_INSTANCE_IDLE_SECONDS = env_int("BATCHWEB_INSTANCE_IDLE_SECONDS", 300)
# What a Spot job has between the notice of an interruption and its end, unless its environment says otherwise.
BATCHWEB_INTERRUPTION_SECONDS = env_int("BATCHWEB_INTERRUPTION_SECONDS", 120)
# Published AWS Fargate rate (us-east-1, Linux) of storage beyond the 20 GiB that are included.
BATCHWEB_FARGATE_USD_PER_EPHEMERAL_GIB_HOUR = Decimal("0.000111")
# What a job keeps in its checkpoint directory is removed so long after its end.
BATCHWEB_CHECKPOINT_RETENTION_DAYS = env_int("BATCHWEB_CHECKPOINT_RETENTION_DAYS", 90)
# A directory that all machines of all engines share (and those where workers run), such as an NFS mount: jobs keep
# their checkpoints there. Empty: each engine has a volume for each job.
BATCHWEB_CHECKPOINT_ROOT = env_str("BATCHWEB_CHECKPOINT_ROOT")
# Lines of the audit trail are removed so long after they were written.
BATCHWEB_AUDIT_RETENTION_DAYS = env_int("BATCHWEB_AUDIT_RETENTION_DAYS", 400)
# Processes and threads that one container may have: a fork bomb stays in its job.
BATCHWEB_PIDS_LIMIT = env_int("BATCHWEB_PIDS_LIMIT", 4096)
# What one attempt may log, before compression.
BATCHWEB_LOG_LIMIT_BYTES = env_int("BATCHWEB_LOG_LIMIT_BYTES", 1024**3)
BATCHWEB_SCHEDULER_TICK_SECONDS = 3.0
BATCHWEB_WORKERS = env_int("BATCHWEB_WORKERS", 4)
# Directories of the nodes that every job sees, such as "/data:/data:ro": the administrator's to give.
BATCHWEB_BINDS = env_list("BATCHWEB_BINDS")

# Whose X-Forwarded-For says from where somebody asks: nobody's else, for anybody can write it.
BATCHWEB_TRUSTED_PROXIES = trusted_proxies()

# Writes what rules send of jobs' events, and makes what they look at, as the API does: that stands above the services
# that send.
BATCHWEB_EVENT_WRITER = "jobs.api.events.events_as_json"
BATCHWEB_EVENT_READER = "jobs.api.events.events_to_read"

# --- The AWS-compatible API ----------------------------------------------------------
# What ARNs name. No AWS account is asked for anything.
BATCHWEB_AWS_ACCOUNT_ID = env_str("BATCHWEB_AWS_ACCOUNT_ID", "123456789012")
BATCHWEB_AWS_REGION = env_str("BATCHWEB_AWS_REGION", "us-east-1")
# Requests with an access key that is not known, or not signed rightly, are this user's. Only for a laptop, where
# scripts bring keys that are made up. Empty (the default): they are refused.
BATCHWEB_ANY_ACCESS_KEY_USER = env_str("BATCHWEB_ANY_ACCESS_KEY_USER")
# Off in tests alone, which drop the database while those threads are still there.
BATCHWEB_KEEP_CONNECTIONS = True
# So many calls of Batch are answered at once by each web process, and so many of the other services (logs, ...).
BATCHWEB_API_BATCH_THREADS = env_int("BATCHWEB_API_BATCH_THREADS", 4)
BATCHWEB_API_THREADS = env_int("BATCHWEB_API_THREADS", 4)
# A submission has at most 30 KiB, a definition 24; the rest is room for lists of ids.
BATCHWEB_API_BODY_BYTES = env_int("BATCHWEB_API_BODY_BYTES", 1024**2)
# Where jobs with a role reach the API. Unless it is set: at 169.254.170.2, an address of their engine's machine, from
# where the supervisor hands on to the web server. With engines far away: an https URL of this server.
BATCHWEB_WEB_ADDRESS = web_address()
BATCHWEB_JOBS_API_URL = jobs_api_url(BATCHWEB_WEB_ADDRESS[1])
