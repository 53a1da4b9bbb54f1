"""`Ref::name` in commands.

Source: AWS Batch API, `parameters` of RegisterJobDefinition and SubmitJob: they are replaced in the command
only, everywhere in it; what a job is submitted with goes before a definition's own; a name without
a value stays as it is.
"""

import re
from collections.abc import Mapping, Sequence

from jobs.domain.validation import MAX_COMMAND_BYTES, TOO_LONG_A_COMMAND, FieldError

# What a name most likely is; `substitute` takes any that it has a value for.
NAME_PATTERN = re.compile(r"Ref::([A-Za-z0-9_]+)")


def substitute(command: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """The command with each `Ref::name` replaced, once: a value is never looked into again.

    Of names that begin alike the longest counts, and a name ends where no letter, digit or underscore
    follows. Raises FieldError if the command grows too long.
    """
    if not values:
        return list(command)
    names = "|".join(re.escape(name) for name in sorted(values, key=len, reverse=True))
    pattern = re.compile(rf"Ref::({names})(?![A-Za-z0-9_])")
    if sum(_bytes_after(pattern, word, values) for word in command) > MAX_COMMAND_BYTES:
        raise FieldError(f"The command with its parameters is too long. {TOO_LONG_A_COMMAND}")
    return [pattern.sub(lambda found: values[found[1]], word) for word in command]


def _bytes_after(pattern: re.Pattern[str], word: str, values: Mapping[str, str]) -> int:
    # Counted before anything is replaced: 20 KiB of references can name 60 MiB of values.
    growth = sum(
        len(values[found[1]].encode()) - len(found[0].encode()) for found in pattern.finditer(word)
    )
    return len(word.encode()) + growth


def names_in(command: Sequence[str]) -> list[str]:
    """The names that a command refers to, in the order of their first mention, for a form to ask for."""
    found = (name for word in command for name in NAME_PATTERN.findall(word))
    return list(dict.fromkeys(found))
