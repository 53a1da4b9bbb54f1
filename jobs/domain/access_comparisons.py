"""Comparisons that can never fit, refused when a policy is saved: a Deny that never fits denies nothing.

What was stored before is read as it was: see `access_documents`.
"""

from .access_conditions import NULL, OPERATORS

# What the names of operators begin with, by what a key holds; of tags all but addresses.
_BY_KEY = {
    "aws:CurrentTime": ("Date",),
    "aws:EpochTime": ("Date", "Numeric"),
    "aws:SourceIp": ("IpAddress", "NotIpAddress"),
    "batch:Privileged": ("Bool",),
    "batchweb:ArraySize": ("Numeric",),
    "batchweb:Gpus": ("Numeric",),
    "batchweb:MemoryMib": ("Numeric",),
    "batchweb:Vcpus": ("Numeric",),
}
_OF_TAGS = ("String", "Numeric", "Date", "Bool")
_OF_TEXTS = ("String",)
# Seconds since 1970 have as many digits since 2001; fewer are a date without dashes.
_DIGITS_OF_SECONDS = 10


def wrong_operator(key: str, name: str) -> str:
    """Why an operator can say nothing of a key; empty if it can. `key` is of KEYS, `name` of OPERATORS."""
    fitting = _BY_KEY.get(key, _OF_TAGS if "/" in key else _OF_TEXTS)
    if name == NULL or name.startswith(fitting):
        return ""
    known = [each for each in OPERATORS if each.startswith(fitting)]
    return f"{name} never fits {key}. Compare it by {', '.join(known)} or {NULL}."


def wrong_value(name: str, text: str) -> str:
    """Why a value means something else than it looks like; empty if it does not."""
    if (
        name.startswith("Date")
        and text.isascii()
        and text.isdigit()
        and len(text) < _DIGITS_OF_SECONDS
    ):
        return f"{text}: digits alone are seconds since 1970. Write a date as 2026-12-31."
    return ""
