"""Every limit on what people may ask for, in one place, with one text each.

A check takes a value as it came (text from a form, a number from JSON) and gives back the clean value
or raises `FieldError`; `Checker` gathers the errors of a whole request. Limits are those of the AWS
Batch API (`RegisterJobDefinition`, `SubmitJob`) unless a comment says otherwise.
"""

import json
import re
import shlex
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from .errors import InvalidInput
from .resources import MILLI
from .retry import MAX_ATTEMPTS

T = TypeVar("T")

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
ENVIRONMENT_NAME_PATTERN = re.compile(r"[^=\0]{1,256}")
# Docker's grammar of references, loosely: the engine has the last word, this catches slips early.
IMAGE_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-/:@]{0,254}")
UNSTORABLE_PATTERN = re.compile("[\0\ud800-\udfff]")
RESERVED_ENVIRONMENT_PREFIX = "AWS_BATCH"

MIN_MEMORY_MIB = 4
MAX_MEMORY_MIB = 16 * 1024 * 1024
MAX_MILLI_VCPUS = 1_000_000
MAX_COMMAND_BYTES = 20 * 1024
# Reading shell words takes time by the square of their length. A quote alone in its word is the longest
# that a byte becomes: eight characters.
MAX_COMMAND_TEXT_CHARACTERS = 8 * MAX_COMMAND_BYTES
# As much as AWS Batch allows for a whole definition; Linux refuses one variable of 128 KiB.
MAX_ENVIRONMENT_BYTES = 24 * 1024
MAX_REASON_CHARACTERS = 1024
MIN_TIMEOUT_SECONDS = 60
# AWS gives no upper bound: this is what its integer holds.
MAX_TIMEOUT_SECONDS = 2_147_483_647
MAX_DESCRIPTION_CHARACTERS = 255
# AWS gives no bound: this is what a database's integer holds.
MAX_PRIORITY = 2_147_483_647
MAX_QUEUE_ENVIRONMENTS = 3
STATES = ("ENABLED", "DISABLED")
# Ours: more would be a slip of the decimal point.
MAX_USD_PER_HOUR = Decimal(100_000)
PRICE_DECIMALS = 6
MAX_ENGINE_URL_CHARACTERS = 255
ENGINE_URL_PATTERN = re.compile(r"(unix:///|tcp://|https?://|fake://)[^\s]+")
TOO_LONG_A_COMMAND = (
    f"A command has at most {MAX_COMMAND_BYTES // 1024} KiB. Put long scripts in the image."
)


class FieldError(ValueError):
    """One field's value is not acceptable; `str(error)` says why and what would be."""


class Checker:
    """Runs checks field by field and raises all their errors together."""

    def __init__(self) -> None:
        self._errors: dict[str, list[str]] = {}

    def check(self, field: str, check: Callable[[object], T], value: object, default: T) -> T:
        """The clean value; on an error it is kept for `done()` and `default` is given back."""
        try:
            return check(value)
        except FieldError as error:
            self.add(field, str(error))
            return default

    def only(self, fields: Iterable[str], known: Container[str]) -> None:
        """An error for each field that is not a known one: a slip in its name must not go unseen."""
        for field in fields:
            if field not in known:
                self.add(field, "There is no such field.")

    def add(self, field: str, message: str) -> None:
        self._errors.setdefault(field, []).append(message)

    def done(self) -> None:
        """Raises InvalidInput if any check failed."""
        if self._errors:
            raise InvalidInput(self._errors)


def name(value: object) -> str:
    """A name of a job, queue, definition or environment."""
    text = _text(value)
    if not text:
        raise FieldError("Give a name.")
    if not NAME_PATTERN.fullmatch(text):
        raise FieldError(
            "A name starts with a letter or digit and has at most 128 letters, digits, "
            "hyphens and underscores."
        )
    return text


def image(value: object) -> str:
    """A container image reference."""
    text = _text(value)
    if not text:
        raise FieldError("Give a container image, such as busybox:1.36.")
    if not IMAGE_PATTERN.fullmatch(text):
        raise FieldError(
            "An image is [registry/]name[:tag] or name@digest of at most 255 letters, digits "
            "and . _ - / : @ signs, without spaces."
        )
    return text


def command(value: object) -> list[str]:
    """A command as a list of words, or as one text in shell words (`echo "hello world"`).

    An empty one means: the image's own.
    """
    if value is None:
        return []
    if isinstance(value, str):
        if len(value) > MAX_COMMAND_TEXT_CHARACTERS:
            raise FieldError(TOO_LONG_A_COMMAND)
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise FieldError(
                f"Not valid shell words ({str(error).lower()}): close every quote, "
                "or put a backslash before a quote that is meant as such."
            ) from None
    elif isinstance(value, Sequence) and all(isinstance(word, str) for word in value):
        words = list(value)
    else:
        raise FieldError("A command is a list of texts.")
    if any(UNSTORABLE_PATTERN.search(word) for word in words):
        raise FieldError("A command cannot hold NUL characters or broken Unicode.")
    if sum(len(word.encode()) for word in words) > MAX_COMMAND_BYTES:
        raise FieldError(TOO_LONG_A_COMMAND)
    return words


def milli_vcpus(value: object) -> int:
    """vCPUs ("2", "0.25") as thousandths."""
    amount = _decimal(value, "vCPUs are a number such as 1 or 0.25.")
    if amount <= 0:
        raise FieldError("Give more than 0 vCPUs, such as 1 or 0.25.")
    thousandths = amount * MILLI
    if thousandths != thousandths.to_integral_value():
        raise FieldError("vCPUs have at most three decimals, such as 0.125.")
    if thousandths > MAX_MILLI_VCPUS:
        raise FieldError(f"At most {MAX_MILLI_VCPUS // MILLI} vCPUs.")
    return int(thousandths)


def memory_mib(value: object) -> int:
    """Memory in whole MiB; Docker takes no less than 4 (AWS's own minimum, too)."""
    amount = _integer(value, "Memory is a whole number of MiB, such as 512.")
    if not MIN_MEMORY_MIB <= amount <= MAX_MEMORY_MIB:
        raise FieldError(f"Memory is between {MIN_MEMORY_MIB} and {MAX_MEMORY_MIB} MiB.")
    return amount


def attempts(value: object) -> int:
    """How often a job may be tried."""
    amount = _integer(value, "Attempts are a whole number.")
    if not 1 <= amount <= MAX_ATTEMPTS:
        raise FieldError(f"Attempts are between 1 and {MAX_ATTEMPTS}.")
    return amount


def timeout_seconds(value: object) -> int | None:
    """How long an attempt may run, counted from its start; empty (None): as long as it likes."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    amount = _integer(value, "A time limit is a whole number of seconds, such as 3600.")
    if not MIN_TIMEOUT_SECONDS <= amount <= MAX_TIMEOUT_SECONDS:
        raise FieldError(
            f"A time limit is between {MIN_TIMEOUT_SECONDS} and {MAX_TIMEOUT_SECONDS} seconds."
        )
    return amount


def environment(value: object) -> list[dict[str, str]]:
    """Environment variables: `[{"name": ..., "value": ...}, ...]` or `{name: value}`.

    Or as one text: `NAME=value` lines, or either of the above as JSON.
    """
    if isinstance(value, str):
        value = _environment_of_text(value)
    if value in (None, [], {}):
        return []
    pairs = _environment_pairs(value)
    for variable, content in pairs:
        _check_variable(variable, content)
    seen = dict(pairs)
    if sum(len(f"{name}={content}".encode()) for name, content in seen.items()) > (
        MAX_ENVIRONMENT_BYTES
    ):
        raise FieldError(
            f"Variables have at most {MAX_ENVIRONMENT_BYTES // 1024} KiB in all. "
            "Put more in the image or in a file."
        )
    return [{"name": variable, "value": content} for variable, content in seen.items()]


def _check_variable(variable: str, content: str) -> None:
    # First, so that no message can repeat what has no UTF-8.
    if UNSTORABLE_PATTERN.search(variable + content):
        raise FieldError("A variable cannot hold NUL characters or broken Unicode.")
    if not ENVIRONMENT_NAME_PATTERN.fullmatch(variable):
        raise FieldError("A variable's name has 1 to 256 characters and no equals sign.")
    if variable.startswith(RESERVED_ENVIRONMENT_PREFIX):
        raise FieldError(f"{variable}: names that start with AWS_BATCH are reserved.")


def reason(value: object) -> str:
    """Why somebody cancels or terminates a job."""
    text = _text(value)
    if len(text) > MAX_REASON_CHARACTERS:
        raise FieldError(f"A reason has at most {MAX_REASON_CHARACTERS} characters.")
    return text


def description(value: object) -> str:
    """What a definition is for, in a line."""
    text = _text(value)
    if len(text) > MAX_DESCRIPTION_CHARACTERS:
        raise FieldError(f"A description has at most {MAX_DESCRIPTION_CHARACTERS} characters.")
    return text


def priority(value: object) -> int:
    """A queue's priority: a higher one goes first."""
    amount = _integer(value, "Priority is a whole number such as 1; a higher one goes first.")
    if not 0 <= amount <= MAX_PRIORITY:
        raise FieldError(f"Priority is between 0 and {MAX_PRIORITY}.")
    return amount


def state(value: object) -> str:
    """ENABLED or DISABLED, of a queue or an environment."""
    text = _text(value).upper()
    if text not in STATES:
        raise FieldError("The state is ENABLED or DISABLED.")
    return text


def environment_order(value: object) -> list[str]:
    """The names of a queue's environments, first choice first. Empty choices are left out."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise FieldError("Environments are a list of names.")
    names = [text for text in map(_text, value) if text]
    if not names:
        raise FieldError("Choose at least one environment.")
    if len(names) > MAX_QUEUE_ENVIRONMENTS:
        raise FieldError(f"A queue has at most {MAX_QUEUE_ENVIRONMENTS} environments.")
    if len(set(names)) < len(names):
        raise FieldError("Choose each environment once.")
    return names


def max_milli_vcpus(value: object) -> int | None:
    """An environment's maximum of vCPUs as thousandths; empty (None): all that its engine has."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return milli_vcpus(value)


def usd_per_hour(value: object) -> Decimal:
    """A price in US dollars per hour, of a vCPU or a GiB."""
    amount = _decimal(value, "A price is a number of US dollars such as 0.04048.")
    if not 0 <= amount <= MAX_USD_PER_HOUR:
        raise FieldError(f"A price is between 0 and {MAX_USD_PER_HOUR} US dollars an hour.")
    if amount != round(amount, PRICE_DECIMALS):
        raise FieldError(f"A price has at most {PRICE_DECIMALS} decimals.")
    return amount


def engine_url(value: object) -> str:
    """Where an engine answers; empty: as the process environment says."""
    text = _text(value)
    if len(text) > MAX_ENGINE_URL_CHARACTERS:
        raise FieldError(f"A URL has at most {MAX_ENGINE_URL_CHARACTERS} characters.")
    if text and not ENGINE_URL_PATTERN.fullmatch(text):
        raise FieldError(
            "An engine's URL is such as unix:///var/run/docker.sock or tcp://host:2376. "
            "Empty: as DOCKER_HOST says."
        )
    return text


def variables_text(variables: Sequence[Mapping[str, str]]) -> str:
    """The variables as a text that `environment` reads back to the same, for a form's field."""
    pairs = {variable["name"]: variable["value"] for variable in variables}
    lines = [f"{name}={value}" for name, value in pairs.items()]
    # What would not survive as a line: line breaks, and blanks that a form or a reader would cut.
    if any("\n" in line or "\r" in line or line != line.strip() for line in lines) or (
        lines and lines[0][0] in "[{"
    ):
        return json.dumps(pairs, indent=2, ensure_ascii=False)
    return "\n".join(lines)


def _environment_of_text(text: str) -> object:
    if text.lstrip().startswith(("[", "{")):
        try:
            parsed: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FieldError(f"Not valid JSON: {error}.") from None
        return parsed
    pairs: list[dict[str, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        variable, equals, content = line.rstrip("\r").partition("=")
        if not equals:
            raise FieldError(f"Line {number}: write NAME=value.")
        pairs.append({"name": variable.strip(), "value": content})
    return pairs


def _environment_pairs(value: object) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        items: list[tuple[object, object]] = list(value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if not all(isinstance(item, Mapping) for item in value):
            raise FieldError("Each variable has a name and a value.")
        items = [(item.get("name"), item.get("value", "")) for item in value]
    else:
        raise FieldError("Variables are a list of names and values.")
    if not all(isinstance(key, str) and isinstance(content, str) for key, content in items):
        raise FieldError("A variable's name and value are texts.")
    return [(str(key), str(content)) for key, content in items]


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldError("This is a text.")
    # PostgreSQL refuses a NUL, and half a surrogate pair (JSON can carry one) has no UTF-8.
    if UNSTORABLE_PATTERN.search(value):
        raise FieldError("A text cannot hold NUL characters or broken Unicode.")
    return value.strip()


def _integer(value: object, message: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise FieldError(message)
    # Digits alone: `int` would also take underscores and other scripts' digits.
    text = str(value).strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise FieldError(message)
    return int(text)


def _decimal(value: object, message: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise FieldError(message)
    text = str(value).strip()
    if not re.fullmatch(r"[+-]?[0-9]{0,12}(\.[0-9]{0,12})?", text):
        raise FieldError(message)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise FieldError(message) from None
