"""Every limit on what people may ask for, in one place, with one text each.

A check takes a value as it came (text from a form, a number from JSON) and gives back the clean value
or raises `FieldError`; `Checker` gathers the errors of a whole request. Limits are those of the AWS
Batch API (`RegisterJobDefinition`, `SubmitJob`) unless a comment says otherwise.
"""

import json
import re
import shlex
from collections.abc import Callable, Container, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from .errors import InvalidInput
from .resources import MILLI
from .retry import MAX_ATTEMPTS

T = TypeVar("T")

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
# Docker's grammar of references, loosely: the engine has the last word, this catches slips early.
IMAGE_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-/:@]{0,254}")
UNSTORABLE_PATTERN = re.compile("[\0\ud800-\udfff]")

MIN_MEMORY_MIB = 4
MAX_MEMORY_MIB = 16 * 1024 * 1024
MAX_MILLI_VCPUS = 1_000_000
# Ours: more than any machine has.
MAX_GPUS = 1000
MAX_COMMAND_BYTES = 20 * 1024
# Reading shell words takes time by the square of their length. A quote alone in its word is the longest
# that a byte becomes: eight characters.
MAX_COMMAND_TEXT_CHARACTERS = 8 * MAX_COMMAND_BYTES
MAX_REASON_CHARACTERS = 1024
MIN_TIMEOUT_SECONDS = 60
# AWS gives no upper bound: this is what its integer holds.
MAX_TIMEOUT_SECONDS = 2_147_483_647
MAX_DESCRIPTION_CHARACTERS = 255
# AWS gives no bound: this is what a database's integer holds.
MAX_PRIORITY = 2_147_483_647
# Ours: who sent more mistakes mends these first, and an answer is never larger than what was sent.
MAX_PROBLEMS = 20
MAX_SHOWN_NAME_CHARACTERS = 60
STATES = ("ENABLED", "DISABLED")
# Ours: more would be a slip of the decimal point.
MAX_USD_PER_HOUR = Decimal(100_000)
PRICE_DECIMALS = 6
MAX_IDLE_SECONDS = 86_400
MAX_INTERRUPTION_SECONDS = 3600
MAX_CPU_OVERCOMMIT = 10
CPU_OVERCOMMIT = (
    f"How many vCPUs are handed out for each that there is: 1 (none too many) to {MAX_CPU_OVERCOMMIT}, "
    "with at most 2 decimals."
)
MAX_ENGINE_URL_CHARACTERS = 255
ENGINE_URL_PATTERN = re.compile(r"(unix:///|tcp://|https?://|fake://|fake\+unix:///)[^\s]+")
TOO_LONG_A_COMMAND = (
    f"A command has at most {MAX_COMMAND_BYTES // 1024} KiB. Put long scripts in the image."
)


class FieldError(ValueError):
    """One field's value is not acceptable; `str(error)` says why and what would be.

    Of a value with members, `problems` says it of each member that is wrong, with its path.
    """

    def __init__(self, text: str = "", *, problems: Iterable[tuple[str, str]] = ()) -> None:
        self.problems = tuple(problems) or (("", text),)
        super().__init__(" ".join(self.texts))

    @property
    def texts(self) -> list[str]:
        """The first problems, each as a text that starts with the member's path, and how many follow."""
        shown = [problem_text(*problem) for problem in self.problems[:MAX_PROBLEMS]]
        return [*shown, *and_more(len(self.problems) - MAX_PROBLEMS)]

    def at(self, member: str) -> list[tuple[str, str]]:
        """The problems as seen from outside, where this value is `member`: a name, or "[0]"."""
        return [
            (f"{member}{'.' if path and path[0] != '[' else ''}{path}", text)
            for path, text in self.problems
        ]


def problem_text(path: str, text: str) -> str:
    """A problem in words, with the path of the member that has it."""
    return f"{path}: {text}" if path else text


def and_more(count: int) -> list[str]:
    """A sentence for problems that are not named; none if there are none."""
    return [f"And {count} more problem{'s' if count > 1 else ''}."] if count > 0 else []


class Checker:
    """Runs checks field by field and raises their errors together.

    Of more than `MAX_PROBLEMS` it tells the first of each field, and how many there are besides.
    """

    def __init__(self) -> None:
        self._errors: dict[str, list[str]] = {}
        self._shown = 0
        self._hidden = 0

    def check(self, field: str, check: Callable[[object], T], value: object, default: T) -> T:
        """The clean value; on an error it is kept for `done()` and `default` is given back."""
        try:
            return check(value)
        except FieldError as error:
            for problem in error.problems:
                self.add(field, problem_text(*problem))
            return default

    def only(self, fields: Iterable[str], known: Container[str]) -> None:
        """An error for each field that is not a known one: a slip in its name must not go unseen."""
        unknown = [field[:MAX_SHOWN_NAME_CHARACTERS] for field in fields if field not in known]
        for field in unknown[:MAX_PROBLEMS]:
            self.add(field, "There is no such field.")
        self._hidden += max(0, len(unknown) - MAX_PROBLEMS)

    def add(self, field: str, message: str) -> None:
        if self._shown < MAX_PROBLEMS or field not in self._errors:
            self._shown += 1
            self._errors.setdefault(field, []).append(message)
        else:
            self._hidden += 1

    def done(self) -> None:
        """Raises InvalidInput if any check failed."""
        if self._errors:
            more = and_more(self._hidden)
            whole = {"": [*self._errors.get("", ()), *more]} if more else {}
            raise InvalidInput({**self._errors, **whole})


def name(value: object) -> str:
    """A name of a job, queue, definition or environment."""
    text = read_text(value)
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
    text = read_text(value)
    if not text:
        raise FieldError("Give a container image, such as busybox:1.36.")
    if not IMAGE_PATTERN.fullmatch(text):
        raise FieldError(
            "An image is [registry/]name[:tag] or name@digest of at most 255 letters, digits "
            "and . _ - / : @ signs, without spaces."
        )
    return text


def command(value: object) -> list[str]:
    """A command as a list of words, or as one text: in shell words (`echo "hello world"`), or a list as JSON.

    An empty one means: the image's own.
    """
    if value is None:
        return []
    if isinstance(value, str):
        if len(value) > MAX_COMMAND_TEXT_CHARACTERS:
            raise FieldError(TOO_LONG_A_COMMAND)
        words = _words_in(value)
    elif isinstance(value, Sequence) and all(isinstance(word, str) for word in value):
        words = list(value)
    else:
        raise FieldError("A command is a list of texts.")
    if any(UNSTORABLE_PATTERN.search(word) for word in words):
        raise FieldError("A command cannot hold NUL characters or broken Unicode.")
    if sum(len(word.encode()) for word in words) > MAX_COMMAND_BYTES:
        raise FieldError(TOO_LONG_A_COMMAND)
    return words


def _words_in(text: str) -> list[str]:
    try:
        listed = json.loads(text) if text.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        listed = None  # `[` is a command of the shell as well.
    if isinstance(listed, list) and all(isinstance(word, str) for word in listed):
        return listed
    try:
        return shlex.split(text)
    except ValueError as error:
        raise FieldError(
            f"Not valid shell words ({str(error).lower()}): close every quote, "
            "or put a backslash before a quote that is meant as such."
        ) from None


def milli_vcpus(value: object) -> int:
    """vCPUs ("2", "0.25") as thousandths."""
    amount = read_decimal(value, "vCPUs are a number such as 1 or 0.25.")
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
    amount = read_integer(value, "Memory is a whole number of MiB, such as 512.")
    if not MIN_MEMORY_MIB <= amount <= MAX_MEMORY_MIB:
        raise FieldError(f"Memory is between {MIN_MEMORY_MIB} and {MAX_MEMORY_MIB} MiB.")
    return amount


def gpus(value: object) -> int:
    """How many whole GPUs; empty: none."""
    if is_empty(value):
        return 0
    amount = read_integer(value, "GPUs are a whole number such as 1.")
    if not 0 <= amount <= MAX_GPUS:
        raise FieldError(f"GPUs are between 0 and {MAX_GPUS}.")
    return amount


def attempts(value: object) -> int:
    """How often a job may be tried."""
    amount = read_integer(value, "Attempts are a whole number.")
    if not 1 <= amount <= MAX_ATTEMPTS:
        raise FieldError(f"Attempts are between 1 and {MAX_ATTEMPTS}.")
    return amount


def timeout_seconds(value: object) -> int | None:
    """How long an attempt may run, counted from its start; empty (None): as long as it likes."""
    if is_empty(value):
        return None
    amount = read_integer(value, "A time limit is a whole number of seconds, such as 3600.")
    if not MIN_TIMEOUT_SECONDS <= amount <= MAX_TIMEOUT_SECONDS:
        raise FieldError(
            f"A time limit is between {MIN_TIMEOUT_SECONDS} and {MAX_TIMEOUT_SECONDS} seconds."
        )
    return amount


def text_at_most(value: object, characters: int, *, of: str) -> str:
    """A text of at most so many characters. `of` begins what is said of a longer one. Raises FieldError."""
    text = read_text(value)
    if len(text) > characters:
        raise FieldError(f"{of} has at most {characters} characters.")
    return text


def reason(value: object) -> str:
    """Why somebody cancels or terminates a job."""
    return text_at_most(value, MAX_REASON_CHARACTERS, of="A reason")


def description(value: object) -> str:
    """What a definition is for, in a line."""
    return text_at_most(value, MAX_DESCRIPTION_CHARACTERS, of="A description")


def priority(value: object) -> int:
    """A queue's priority: a higher one goes first."""
    amount = read_integer(value, "Priority is a whole number such as 1; a higher one goes first.")
    if not 0 <= amount <= MAX_PRIORITY:
        raise FieldError(f"Priority is between 0 and {MAX_PRIORITY}.")
    return amount


def state(value: object) -> str:
    """ENABLED or DISABLED, of a queue or an environment."""
    text = read_text(value).upper()
    if text not in STATES:
        raise FieldError("The state is ENABLED or DISABLED.")
    return text


def max_milli_vcpus(value: object) -> int | None:
    """An environment's maximum of vCPUs as thousandths; empty (None): all that its engine has."""
    if is_empty(value):
        return None
    return milli_vcpus(value)


def usd_per_hour(value: object) -> Decimal:
    """A price in US dollars per hour, of a vCPU or a GiB."""
    amount = read_decimal(value, "A price is a number of US dollars such as 0.04048.")
    if not 0 <= amount <= MAX_USD_PER_HOUR:
        raise FieldError(f"A price is between 0 and {MAX_USD_PER_HOUR} US dollars an hour.")
    if amount != round(amount, PRICE_DECIMALS):
        raise FieldError(f"A price has at most {PRICE_DECIMALS} decimals.")
    return amount


def engine_url(value: object) -> str:
    """Where an engine answers; empty: as the process environment says."""
    text = read_text(value)
    if len(text) > MAX_ENGINE_URL_CHARACTERS:
        raise FieldError(f"A URL has at most {MAX_ENGINE_URL_CHARACTERS} characters.")
    if text and not ENGINE_URL_PATTERN.fullmatch(text):
        raise FieldError(
            "An engine's URL is such as unix:///var/run/docker.sock or tcp://host:2376. "
            "Empty: as DOCKER_HOST says."
        )
    return text


def idle_seconds(value: object) -> int | None:
    """How long an instance may be idle before it ends; empty (None): the usual time."""
    return _seconds(value, MAX_IDLE_SECONDS, "An instance may be idle for")


def interruption_seconds(value: object) -> int | None:
    """What an interrupted Spot job has from the notice to its end; empty (None): the usual time."""
    return _seconds(value, MAX_INTERRUPTION_SECONDS, "A Spot job has a notice of")


def _seconds(value: object, most: int, what: str) -> int | None:
    if is_empty(value):
        return None
    message = f"{what} 0 to {most} whole seconds. Leave it empty for the usual time."
    seconds = read_integer(value, message)
    if not 0 <= seconds <= most:
        raise FieldError(message)
    return seconds


def cpu_overcommit(value: object) -> Decimal:
    """How many vCPUs an engine hands out for each that its machines have; empty: 1."""
    if is_empty(value):
        return Decimal(1)
    amount = read_decimal(value, CPU_OVERCOMMIT)
    if not 1 <= amount <= MAX_CPU_OVERCOMMIT or amount != round(amount, 2):
        raise FieldError(CPU_OVERCOMMIT)
    return amount


def is_empty(value: object) -> bool:
    """Whether a field was left out: None, or a form's text of nothing but blanks."""
    return value is None or (isinstance(value, str) and not value.strip())


def read_json(value: object) -> object:
    """A value that a form sends as JSON text and others as it is; None for an empty text."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        parsed: object = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise FieldError(f"Not valid JSON: {error}.") from None
    return parsed


def read_text(value: object) -> str:
    """A text without blanks around it; None is an empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldError("This is a text.")
    # PostgreSQL refuses a NUL, and half a surrogate pair (JSON can carry one) has no UTF-8.
    if UNSTORABLE_PATTERN.search(value):
        raise FieldError("A text cannot hold NUL characters or broken Unicode.")
    return value.strip()


def read_integer(value: object, message: str) -> int:
    """A whole number, also as text. `message`: what to say of anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise FieldError(message)
    # Digits alone: `int` would also take underscores and other scripts' digits.
    text = str(value).strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise FieldError(message)
    return int(text)


def read_decimal(value: object, message: str) -> Decimal:
    """A number, also as text. `message`: what to say of anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise FieldError(message)
    text = str(value).strip()
    if not re.fullmatch(r"[+-]?[0-9]{0,12}(\.[0-9]{0,12})?", text):
        raise FieldError(message)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise FieldError(message) from None
