"""Instance types as CSV: a header with the fields' names, a line a type; empty ones and remarks (#) are passed over."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from jobs.domain.errors import InvalidInput
from jobs.domain.flags import flag
from jobs.domain.validation import UNSTORABLE_PATTERN, Checker

REQUIRED_COLUMNS = ("name", "vcpus", "memory_mib")
COLUMNS = (
    "name",
    "vcpus",
    "memory_mib",
    "gpus",
    "gpu_name",
    "architecture",
    "usd_per_hour",
    "spot_usd_per_hour",
    "region",
    "priced_on",
    "purchase_usd",
    "lifetime_years",
    "watts",
    "usd_per_kwh",
    "custom",
)
# Says of a line that it is a custom type's: only such a line changes one.
CUSTOM = "custom"
# Ours: some tens of thousands of types.
MAX_CHARACTERS = 5_000_000


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A type of a CSV file: the line it stands on, its cells by column, and whether it is a custom type's."""

    line: int
    fields: Mapping[str, object]
    is_custom: bool = False

    def place(self, column: str) -> str:
        """What an error calls a cell of this line."""
        return f"line {self.line}, {column}" if column else f"line {self.line}"


def read_rows(text: str) -> list[CsvRow]:
    """The types of a CSV text. Raises InvalidInput, which names line and column of all that is no CSV of types.

    A column that the text does not have is not in the rows' fields: of known types it stays as it is.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput({"": [f"A file has at most {MAX_CHARACTERS} characters. Split it."]})
    if UNSTORABLE_PATTERN.search(text):
        raise InvalidInput({"": ["This is no text. Give a CSV file in UTF-8."]})
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    # An empty line in place of a remark's: lines keep their numbers.
    reader = csv.reader(("\n" if line.startswith("#") else line) for line in lines)
    try:
        numbered = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise InvalidInput({f"line {reader.line_num}": [f"Not valid CSV: {error}."]}) from None
    if not numbered:
        raise InvalidInput({"": ["The file is empty. Its first line names the columns."]})
    line, header = numbered[0]
    columns = [name.strip() for name in header]
    _check_header(columns, line)
    return _rows(columns, numbered[1:])


def write_rows(rows: Iterable[Mapping[str, object]]) -> str:
    """A CSV text of types' fields that `read_rows` reads; what is None is an empty cell."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    """A price without the zeros that a database fills it up with."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def _check_header(columns: list[str], line: int) -> None:
    checker = Checker()
    for column in REQUIRED_COLUMNS:
        if column not in columns:
            checker.add(f"line {line}, {column}", "This column is missing. Add it to the header.")
    for column in dict.fromkeys(columns):
        if column not in COLUMNS:
            checker.add(
                f"line {line}, {column[:60] or 'a column without a name'}",
                f"There is no such column. Columns are {', '.join(COLUMNS)}.",
            )
        elif columns.count(column) > 1:
            checker.add(f"line {line}, {column}", "This column is there twice. Keep one.")
    checker.done()


def _rows(columns: list[str], numbered: list[tuple[int, list[str]]]) -> list[CsvRow]:
    checker = Checker()
    rows: list[CsvRow] = []
    first: dict[object, int] = {}
    for line, cells in numbered:
        if len(cells) != len(columns):
            text = f"This line has {len(cells)} cells, the header {len(columns)}. Make them equal."
            checker.add(f"line {line}", text)
            continue
        fields: dict[str, object] = {
            column: cell.strip() for column, cell in zip(columns, cells, strict=True)
        }
        custom = fields.pop(CUSTOM, "")
        row = CsvRow(line, fields, checker.check(f"line {line}, {CUSTOM}", flag, custom, False))
        name = fields["name"]
        if name in first:
            text = f"{name} stands on line {first[name]} already. Keep one of the two."
            checker.add(row.place("name"), text)
        first.setdefault(name, line)
        rows.append(row)
    checker.done()
    return rows
