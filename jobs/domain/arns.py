"""Amazon Resource Names of what Batchweb has, as AWS Batch writes them."""

import re
from dataclasses import dataclass

PARTITION = "aws"
MAX_CHARACTERS = 2048
_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):"
    r"(?P<account>[0-9]*):(?P<resource>.+)",
    re.DOTALL,
)
COMPUTE_ENVIRONMENT = "compute-environment"
JOB_QUEUE = "job-queue"
JOB_DEFINITION = "job-definition"
JOB = "job"
SCHEDULING_POLICY = "scheduling-policy"
CONSUMABLE_RESOURCE = "consumable-resource"
SERVICE_ENVIRONMENT = "service-environment"
SERVICE_JOB = "service-job"
QUOTA_SHARE = "quota-share"


@dataclass(frozen=True, slots=True)
class Arns:
    """Writes and reads the ARNs of one account in one region."""

    account: str
    region: str

    def of(self, kind: str, name: object, *, service: str = "batch") -> str:
        """The ARN of the resource of that kind and name, such as `job-queue/high`."""
        return f"arn:{PARTITION}:{service}:{self.region}:{self.account}:{kind}/{name}"

    def quota_share(self, queue: str, name: str) -> str:
        """A quota share's, which is named below its queue."""
        return self.of(JOB_QUEUE, f"{queue}/{QUOTA_SHARE}/{name}")

    def name_in(self, text: str, kind: str, *, service: str = "batch") -> str | None:
        """The name in an ARN of that kind; a text that is no ARN is a name itself.

        None for an ARN of another account, region, service or kind, and for a text with NUL characters, which no
        database takes: here there is nothing of that name.
        """
        if "\0" in text:
            return None
        if not text.startswith("arn:"):
            return text
        resource = self.resource_in(text, service=service)
        if resource is None or resource[0] != kind:
            return None
        return resource[1]

    def resource_in(self, text: str, *, service: str = "batch") -> tuple[str, str] | None:
        """Kind and name in an ARN of this account and region; None for any other text.

        A quota share's name is `<queue>/<share>`.
        """
        found = _ARN.fullmatch(text) if len(text) <= MAX_CHARACTERS and "\0" not in text else None
        if (
            found is None
            or found["partition"] != PARTITION
            or (found["service"], found["region"], found["account"])
            != (service, self.region, self.account)
        ):
            return None
        kind, slash, name = found["resource"].partition("/")
        if not slash or not name:
            return None
        queue, below, share = name.partition(f"/{QUOTA_SHARE}/")
        if kind == JOB_QUEUE and below:
            return QUOTA_SHARE, f"{queue}/{share}"
        return kind, name
