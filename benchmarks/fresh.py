"""A fresh database for a benchmark: SQLite in a folder of its own, or what DATABASE_URL names."""

import atexit
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection


def prepare() -> None:
    """Sets Django up on an empty, migrated database; models can be imported after that.

    A database that DATABASE_URL names is emptied first. A Redis of its own takes the news and hand-overs,
    which nobody hears.
    """
    var = tempfile.mkdtemp(prefix="batchweb-bench-")
    atexit.register(shutil.rmtree, var, ignore_errors=True)
    os.environ["BATCHWEB_VAR"] = var
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchweb.settings.dev")
    os.environ.pop("REDIS_URL", None)
    start_redis()
    django.setup()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public")
    call_command("migrate", verbosity=0)


def use_large() -> None:
    """Sets Django up on the large database, which stays: what DATABASE_URL names, else a file in `large_folder`."""
    folder = large_folder()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["BATCHWEB_VAR"] = str(folder)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchweb.settings.dev")
    os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder / 'big.sqlite3'}")
    os.environ.pop("REDIS_URL", None)
    start_redis()
    django.setup()


def has_tables() -> bool:
    """Whether anything was built in the database."""
    return "jobs_job" in connection.introspection.table_names()


def large_folder() -> Path:
    """Where the large database lies if it is SQLite: BENCH_FOLDER, else `var/big`."""
    return Path(os.environ.get("BENCH_FOLDER", "var/big")).resolve()


def start_redis() -> None:
    """A Redis in BATCHWEB_VAR, until this process ends."""
    server = subprocess.Popen([sys.executable, "-m", "batchweb.embedded"])
    atexit.register(server.wait)
    atexit.register(server.terminate)


def machine() -> str:
    """On what is measured, for a heading."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {_database()}"


def _database() -> str:
    if connection.vendor == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return f"PostgreSQL {cursor.fetchone()[0].split()[0]}"


def analyze() -> None:
    """Lets PostgreSQL look at what it holds, as its autovacuum does by itself. Nobody does that for SQLite."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def seconds_of(action: Callable[[], object]) -> float:
    """How long one call takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def spread_ms(values: Sequence[float]) -> str:
    """Median, minimum and maximum of some seconds, in milliseconds."""
    median, least, most = (1000 * f(values) for f in (statistics.median, min, max))
    return f"{median:9.2f} ms  ({least:.2f} to {most:.2f})"


def heading(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")
    sys.stdout.flush()
