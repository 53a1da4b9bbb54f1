"""Logins of registries, as Docker takes them, and what it says of one that is refused."""

import re

import docker
from docker import auth

from ..base import CannotPull, EngineError, LoginRefused, PullRefused, RegistryLogin

# Docker itself waits so long, or a little less, for a registry that does not answer.
LOGIN_SECONDS = 30.0
# Docker answers all of them with 500, and with the words of the registry or of its own client.
_REFUSED = re.compile(
    r"no basic auth credentials|unauthorized|authentication required|access denied|denied:|"
    r"access to the resource is denied|incorrect username or password|status: 40[13]|40[13] (unauthorized|forbidden)",
    re.IGNORECASE,
)


def login_header(
    client: docker.APIClient, name: str, login: RegistryLogin | None
) -> dict[str, str]:
    """The header that a pull of an image of this name has. Raises CannotPull for what is no name.

    Without a login it is whatever this process's user is logged in with, if he is.
    """
    try:
        registry, _ = auth.resolve_repository_name(name)
        header = (
            auth.get_config_header(client, registry)
            if login is None
            else auth.encode_header(login_body(login))
        )
    except Exception as error:
        raise CannotPull(str(error)) from error
    return {"X-Registry-Auth": str(header, "ascii")} if header else {}


def login_body(login: RegistryLogin) -> dict[str, str]:
    """A login with the members that Docker's API has."""
    address = auth.INDEX_URL if login.registry == auth.INDEX_NAME else login.registry
    return {"username": login.username, "password": login.password, "serveraddress": address}


def cannot_pull(said: str) -> CannotPull:
    """What a pull that failed is to be told as."""
    return PullRefused(said) if _REFUSED.search(said) else CannotPull(said)


def cannot_log_in(said: str) -> EngineError:
    """What a login that failed is to be told as."""
    return LoginRefused(said) if _REFUSED.search(said) else EngineError(said)
