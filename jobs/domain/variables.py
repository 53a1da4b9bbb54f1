"""Names with values, as a list, an object, JSON text or lines NAME=value.

Environment variables, parameters and tags are of this kind. Sources: AWS Batch API, `KeyValuePair`,
`ParametersMap` and `TagrisTagsMap`.
"""

import json
import re
from collections.abc import Mapping, Sequence

from .validation import UNSTORABLE_PATTERN, FieldError, read_json

NAME_PATTERN = re.compile(r"[^=\0]{1,256}")
RESERVED_PREFIX = "AWS_BATCH"
# As much as AWS Batch allows for a whole definition; Linux refuses one variable of 128 KiB.
MAX_ENVIRONMENT_BYTES = 24 * 1024
MAX_TAGS = 50
MAX_TAG_KEY_CHARACTERS = 128
MAX_TAG_VALUE_CHARACTERS = 256
RESERVED_TAG_PREFIX = "aws:"


def environment(value: object) -> list[dict[str, str]]:
    """Environment variables: `[{"name": ..., "value": ...}, ...]` or `{name: value}`.

    Or as one text: `NAME=value` lines, or either of the above as JSON. The last of a name counts.
    """
    pairs = _pairs(value)
    for name in pairs:
        check_variable_name(name)
    if sum(len(f"{name}={content}".encode()) for name, content in pairs.items()) > (
        MAX_ENVIRONMENT_BYTES
    ):
        raise FieldError(
            f"Variables have at most {MAX_ENVIRONMENT_BYTES // 1024} KiB in all. "
            "Put more in the image or in a file."
        )
    return [{"name": name, "value": content} for name, content in pairs.items()]


def parameters(value: object) -> dict[str, str]:
    """Values for `Ref::name` in a command: an object, or a text as for `environment`."""
    pairs = _pairs(value)
    if "" in pairs:
        raise FieldError("A parameter has a name.")
    return pairs


def tags(value: object) -> dict[str, str]:
    """Tags: an object, or a text as for `environment`. At most 50; a value may be empty."""
    pairs = _pairs(value)
    for key, content in pairs.items():
        if not 1 <= len(key) <= MAX_TAG_KEY_CHARACTERS:
            raise FieldError(f"A tag's key has 1 to {MAX_TAG_KEY_CHARACTERS} characters.")
        if key.lower().startswith(RESERVED_TAG_PREFIX):
            raise FieldError(f"{key}: keys that start with {RESERVED_TAG_PREFIX} are reserved.")
        if len(content) > MAX_TAG_VALUE_CHARACTERS:
            raise FieldError(
                f"{key}: a tag's value has at most {MAX_TAG_VALUE_CHARACTERS} characters."
            )
    check_tag_count(pairs)
    return pairs


def check_tag_count(tags: Mapping[str, str]) -> None:
    """Raises FieldError if there are more tags than one thing can have."""
    if len(tags) > MAX_TAGS:
        raise FieldError(f"There are at most {MAX_TAGS} tags.")


def check_variable_name(name: str) -> None:
    """Raises FieldError for a name that no variable of a container can have."""
    if not NAME_PATTERN.fullmatch(name):
        raise FieldError("A variable's name has 1 to 256 characters and no equals sign.")
    if name.startswith(RESERVED_PREFIX):
        raise FieldError(f"{name}: names that start with {RESERVED_PREFIX} are reserved.")


def merge(
    base: Sequence[Mapping[str, str]], overrides: Sequence[Mapping[str, str]]
) -> list[dict[str, str]]:
    """Two lists of variables as one: by name, the override's value for what both have."""
    merged = {pair["name"]: pair["value"] for pair in [*base, *overrides]}
    return [{"name": name, "value": value} for name, value in merged.items()]


def variables_text(variables: Sequence[Mapping[str, str]]) -> str:
    """The variables as a text that `environment` reads back to the same, for a form's field."""
    return pairs_text({variable["name"]: variable["value"] for variable in variables})


def pairs_text(pairs: Mapping[str, str]) -> str:
    """Parameters or tags as a text that is read back to the same, for a form's field."""
    lines = [f"{name}={value}" for name, value in pairs.items()]
    # What would not survive as a line: line breaks, an equals sign in a name, and blanks that a form
    # or a reader would cut.
    breaks = any("\n" in line or "\r" in line or line != line.strip() for line in lines)
    if breaks or any("=" in name or name != name.strip() for name in pairs):
        return json.dumps(pairs, indent=2, ensure_ascii=False)
    if lines and lines[0][0] in "[{":
        return json.dumps(pairs, indent=2, ensure_ascii=False)
    return "\n".join(lines)


def _pairs(value: object) -> dict[str, str]:
    if isinstance(value, str):
        value = _of_text(value)
    if value in (None, [], {}):
        return {}
    items = _items(value)
    # Before anything else, so that no message can repeat what has no UTF-8.
    if any(UNSTORABLE_PATTERN.search(name + content) for name, content in items):
        raise FieldError("Names and values cannot hold NUL characters or broken Unicode.")
    return dict(items)


def _of_text(text: str) -> object:
    if text.lstrip().startswith(("[", "{")):
        return read_json(text)
    pairs: list[dict[str, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        name, equals, content = line.rstrip("\r").partition("=")
        if not equals:
            raise FieldError(f"Line {number}: write NAME=value.")
        pairs.append({"name": name.strip(), "value": content})
    return pairs


def _items(value: object) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        items: list[tuple[object, object]] = list(value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if not all(isinstance(item, Mapping) for item in value):
            raise FieldError("Each has a name and a value.")
        items = [(item.get("name"), item.get("value", "")) for item in value]
    else:
        raise FieldError("This is an object of names and values, or a list of them.")
    if not all(isinstance(key, str) and isinstance(content, str) for key, content in items):
        raise FieldError("Names and values are texts.")
    return [(str(key), str(content)) for key, content in items]
