"""From where somebody asks: the connection's address, unless a proxy that is named says more."""

import asyncio
from typing import Any

import pytest

from batchweb.asgi import behind_proxies


def seen(proxies: list[str], peer: str, forwarded: str) -> str:
    """The address that the application sees."""
    found: list[str] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        found.append(scope["client"][0])

    headers = [(b"x-forwarded-for", forwarded.encode())]
    scope = {"type": "http", "scheme": "http", "client": (peer, 5), "headers": headers}
    asyncio.run(behind_proxies(application, proxies)(scope, None, None))
    return found[0]


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "address"),
    [
        ([], "127.0.0.1", "10.9.9.9", "127.0.0.1"),
        (["127.0.0.1"], "127.0.0.1", "192.0.2.9", "192.0.2.9"),
        # What a client wrote stands before what the proxy adds.
        (["127.0.0.1"], "127.0.0.1", "10.9.9.9, 192.0.2.9", "192.0.2.9"),
        # What the supervisor hands on of jobs.
        (["127.0.0.1"], "169.254.170.2", "10.9.9.9", "169.254.170.2"),
        (["10.0.0.0/24"], "127.0.0.1", "10.9.9.9", "127.0.0.1"),
    ],
)
def test_only_a_named_proxy_says_from_where_somebody_asks(
    proxies: list[str], peer: str, forwarded: str, address: str
) -> None:
    assert seen(proxies, peer, forwarded) == address
