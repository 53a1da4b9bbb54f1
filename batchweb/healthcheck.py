"""Whether the web server of this container serves pages: `python -m batchweb.healthcheck [PORT]`.

It asks for the login page, which needs the database, under a host name that the server accepts.
"""

import http.client
import sys

from batchweb.settings.environment import env_list

TIMEOUT_SECONDS = 4


def accepted_host(allowed: list[str]) -> str:
    """A host name that passes ALLOWED_HOSTS."""
    first = allowed[0] if allowed else "*"
    return "localhost" if first == "*" else first.removeprefix(".")


def healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        host = accepted_host(env_list("BATCHWEB_ALLOWED_HOSTS"))
        connection.request("GET", "/login/", headers={"Host": host})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if healthy(int(sys.argv[1]) if len(sys.argv) > 1 else 8000) else 1)
