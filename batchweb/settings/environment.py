"""Reads the process environment once, with clear errors, for the settings modules."""

import os
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BASE_DIR = Path(__file__).resolve().parents[2]

# A unix socket's path may hold 107 bytes on Linux (sockaddr_un.sun_path).
MAX_SOCKET_PATH_BYTES = 107
# Where jobs with a role find their machine: `jobs.engines.base` says why it is this one.
SERVICE_ADDRESS = "169.254.170.2"
# Without TLS, AWS's SDKs fetch credentials from these hosts alone.
WITHOUT_TLS = (SERVICE_ADDRESS, "169.254.170.23", "localhost", "127.0.0.1")
# From where the supervisor hands on what jobs send: the second where the web server listens at IPv6 alone.
OF_JOBS = (SERVICE_ADDRESS, "::1")
DEFAULT_PORT = 8000
# What a server listens on to be reached at every address of its machine; and one of them.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def env_str(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def env_bool(name: str, default: bool = False) -> bool:
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"0", "false", "no", "off"}:
        return False
    raise ValueError(f"{name}={value!r} is not a yes or no: use 1 or 0")


def env_int(name: str, default: int) -> int:
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{name}={value!r} is not a whole number") from None


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def trusted_proxies() -> list[str]:
    """Addresses and ranges of the proxies whose X-Forwarded-For says who asks.

    Raises ValueError: what is no address, and what jobs come from, who would choose theirs.
    """
    proxies = env_list("BATCHWEB_TRUSTED_PROXIES")
    for text in proxies:
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            raise ValueError(
                f"BATCHWEB_TRUSTED_PROXIES: {text!r} is not an address or a range such as 10.0.0.0/8"
            ) from None
        if any(ip_address(each) in network for each in OF_JOBS):
            raise ValueError(
                f"BATCHWEB_TRUSTED_PROXIES: {text!r} holds {' or '.join(OF_JOBS)}, from where jobs come. Let the proxy "
                "come from another address, such as 127.0.0.1"
            )
    return proxies


def var_dir() -> Path:
    """Where the embedded default keeps its database, Redis data, logs and keys."""
    return Path(env_str("BATCHWEB_VAR", str(BASE_DIR / "var"))).resolve()


def embedded_redis_socket(var: Path) -> Path:
    """The private Redis's socket: inside `var`, or under the temporary folder if that is too long."""
    path = var / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        return path
    digest = sha256(os.fsencode(var)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"batchweb-{digest}" / "redis.sock"


def redis_url(var: Path) -> str:
    return env_str("REDIS_URL") or f"unix://{embedded_redis_socket(var)}?db=0"


def web_address() -> tuple[str, int]:
    """Where this machine's other processes reach the web server: host and port. As `script/server` has it, unless
    BATCHWEB_WEB_ADDRESS says otherwise (`host:port`)."""
    text = env_str("BATCHWEB_WEB_ADDRESS")
    if not text:
        host = env_str("BATCHWEB_HOST", "127.0.0.1")
        return EVERYWHERE.get(host, host), env_int("BATCHWEB_PORT", DEFAULT_PORT)
    host, _, port = text.rpartition(":")
    if not host.strip("[]") or not port.isdecimal() or "/" in host:
        raise ValueError(f"BATCHWEB_WEB_ADDRESS={text!r} is not an address: use host:port")
    return host.strip("[]"), int(port)


def jobs_api_url(web_port: int) -> str:
    """Where jobs with a role reach the API: without a slash at its end."""
    text = env_str("BATCHWEB_JOBS_API_URL").rstrip("/")
    if not text:
        return f"http://{SERVICE_ADDRESS}:{web_port}"
    url = urlsplit(text)
    if not url.hostname or url.scheme not in {"http", "https"} or url.path or url.query:
        raise ValueError(
            f"BATCHWEB_JOBS_API_URL={text!r} is not a URL of a server: use https://host"
        )
    if url.scheme == "http" and url.hostname not in WITHOUT_TLS:
        raise ValueError(
            f"BATCHWEB_JOBS_API_URL={text!r}: the SDKs of AWS fetch credentials with TLS only, so use https://"
        )
    return text


def secret_key(var: Path) -> str:
    """The signing key: from the environment, else one made once and kept in `var` (mode 0600)."""
    from_environment = env_str("BATCHWEB_SECRET_KEY")
    if from_environment:
        return from_environment
    path = var / "secret_key"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    from django.core.management.utils import get_random_secret_key

    var.mkdir(parents=True, exist_ok=True)
    try:
        # O_EXCL: of two processes that start at once, one makes the key and the other reads it.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        file.write(get_random_secret_key())
    return path.read_text().strip()


def installation_id(var: Path) -> str:
    """A short id that all processes of one installation agree on: of its database, else of `var`.

    User and password are left out: containers that run must not become strangers when these change.
    """
    url = urlsplit(env_str("DATABASE_URL"))
    source = f"{url.netloc.rpartition('@')[2]}{url.path}?{url.query}" if url.scheme else str(var)
    return sha256(source.encode()).hexdigest()[:12]


def postgres_options(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """How to connect to PostgreSQL: as the address says (`given`), and how it is to plan what pages ask.

    An index costs little more than rows in their order: what is asked for lies in memory or on an SSD. With its own
    default of 4 it rather walks a million jobs for a page of those of one user. And no page is worth the start of other
    processes or of a compiler. What the address has as its own `options` comes later, and so wins.
    """
    given = given or {}
    planning = "-c random_page_cost=1.1 -c max_parallel_workers_per_gather=0 -c jit=off"
    return {**given, "options": f"{planning} {given.get('options', '')}".strip()}
