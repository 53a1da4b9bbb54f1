"""Docker's times: RFC 3339 with up to nine digits of a second, read without losing one."""

from datetime import datetime

NS_PER_SECOND = 1_000_000_000


def parse_time(text: str) -> int:
    """Nanoseconds since the epoch. Docker's "0001-01-01T00:00:00Z" (never happened) gives 0.

    `datetime` knows microseconds only, so the fraction is read apart.
    """
    whole, dot, rest = text.partition(".")
    fraction = ""
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        fraction, zone = rest[:digits], rest[digits:]
        whole += zone
    moment = datetime.fromisoformat(whole)
    if moment.year == 1:
        return 0
    return int(moment.timestamp()) * NS_PER_SECOND + int(fraction.ljust(9, "0") or 0)


def format_since(at_ns: int) -> str:
    """What Docker takes as `since`: seconds and nine digits. 0 means from the beginning."""
    seconds, nanoseconds = divmod(max(at_ns, 0), NS_PER_SECOND)
    return f"{seconds}.{nanoseconds:09d}"
