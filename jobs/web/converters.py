"""How ids stand in URLs."""

from uuid import UUID

from jobs.domain import ids


class JobIdConverter:
    """A job's id: a UUID, or `<array>:<index>` for an array's child, which URLs that we make always use."""

    regex = ids.TEXT_PATTERN.pattern.replace("?P<job>", "?:").replace("?P<index>", "?:")

    def to_python(self, value: str) -> UUID:
        return ids.id_of(value)

    def to_url(self, value: UUID | str) -> str:
        return ids.text_of(value if isinstance(value, UUID) else ids.id_of(value))
