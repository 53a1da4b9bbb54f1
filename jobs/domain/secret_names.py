"""Which secret of the store a container's `valueFrom` names.

Source: AWS Batch API, `Secret.valueFrom`: the ARN of a Secrets Manager secret, or the ARN or the name of a
parameter of Systems Manager. Here all of them stand for a secret of Batchweb's own store, by name.
"""

import re

from .validation import FieldError, read_text

MAX_NAME_CHARACTERS = 512
ARN_PATTERN = re.compile(
    r"arn:[a-z0-9-]+:(?:(ssm):[^:]*:[^:]*:parameter/|(secretsmanager):[^:]*:[^:]*:secret:)(.+)"
)
# Secrets Manager puts a hyphen and six characters behind a secret's name.
RANDOM_SUFFIX = re.compile(r"(.+)-[A-Za-z0-9]{6}")


def value_from(value: object) -> str:
    """A reference to a secret as it is stored: the text itself. Raises FieldError."""
    text = read_text(value)
    if not 1 <= len(text) <= MAX_NAME_CHARACTERS:
        raise FieldError(
            f"This names a secret, or is its ARN: 1 to {MAX_NAME_CHARACTERS} characters."
        )
    found = ARN_PATTERN.fullmatch(text)
    if text.startswith("arn:") and not found:
        raise FieldError(
            "This is the ARN of neither a Secrets Manager secret nor a Systems Manager parameter."
        )
    if found and found[2] and ":" in found[3]:
        raise FieldError(
            "A part of a secret cannot be named here. Store that part as a secret of its own."
        )
    return text


def secret_names(value_from: str) -> tuple[str, ...]:
    """The names that a stored reference may mean, the likeliest first; the first that exists counts."""
    found = ARN_PATTERN.fullmatch(value_from)
    if found is None:
        return (value_from,)
    name = found[3]
    if found[1]:
        return (name, f"/{name}")
    suffixed = RANDOM_SUFFIX.fullmatch(name)
    return (name, suffixed[1]) if suffixed else (name,)
