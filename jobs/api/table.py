"""Every operation with what differs from AWS: the table that docs/api-operations.md and the page of the API show."""

from dataclasses import dataclass

from .catalogue import services
from .service_models import service_model

AS_IN_AWS = "As in AWS."
NOT_SUPPORTED = "Not supported: answered with an error, and nothing is changed."
TITLES = {
    "batch": "AWS Batch",
    "logs": "CloudWatch Logs",
    "sts": "STS",
    "ecs": "ECS",
    "ec2": "EC2",
}
HEAD = """\
# Operations of the API

Written by `manage.py api_table` from the code; a test holds the two together. How to come here: [the AWS API](api.md).
Operations of other services, and those of these services that are not listed, are refused with an error in the
service's own format, and change nothing.
"""


@dataclass(frozen=True, slots=True)
class OperationRow:
    """An operation, and how it differs from AWS's (Markdown); `is_same`: not at all."""

    name: str
    differs: str
    is_same: bool


@dataclass(frozen=True, slots=True)
class ServiceTable:
    """A service by its title, and its operations by name: all of Batch's, of others those that there are."""

    name: str
    title: str
    rows: list[OperationRow]


def operations_table() -> list[ServiceTable]:
    """A table for each service, Batch's first."""
    return [ServiceTable(name, title, _rows(name)) for name, title in TITLES.items() if _rows(name)]


def as_markdown() -> str:
    """All of it, as docs/api-operations.md has it."""
    parts = [HEAD]
    for table in operations_table():
        lines = [f"| `{row.name}` | {row.differs} |" for row in table.rows]
        head = [f"## {table.title}", "", "| operation | differs from AWS |", "|---|---|"]
        parts.append("\n".join([*head, *lines, ""]))
    return "\n".join(parts)


def _rows(name: str) -> list[OperationRow]:
    known = services()[name].operations
    names = service_model(name).operation_names if name == "batch" else known
    rows = []
    for each in sorted(names):
        operation = known.get(each)
        differs = NOT_SUPPORTED if operation is None else operation.differs
        rows.append(OperationRow(each, differs or AS_IN_AWS, not differs))
    return rows
