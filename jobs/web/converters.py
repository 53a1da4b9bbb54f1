"""How ids stand in URLs."""

from uuid import UUID

from jobs.domain import ids


class InstanceTypeConverter:
    """An instance type's name, such as m5.large."""

    regex = "[A-Za-z0-9._-]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class JobIdConverter:
    """A job's id: a UUID, or `<array>:<index>` for an array's child, which URLs that we make always use."""

    regex = ids.TEXT_PATTERN.pattern.replace("?P<job>", "?:").replace("?P<index>", "?:")

    def to_python(self, value: str) -> UUID:
        return ids.id_of(value)

    def to_url(self, value: UUID | str) -> str:
        return ids.text_of(value if isinstance(value, UUID) else ids.id_of(value))
