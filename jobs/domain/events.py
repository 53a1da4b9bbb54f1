"""The kinds of events, by EventBridge's `detail-type`.

Source: AWS Batch User Guide, "Job state change events" and "Job queue blocked events".
"""

from enum import StrEnum


class DetailType(StrEnum):
    """What an event tells of."""

    STATE_CHANGE = "Batch Job State Change"
    QUEUE_BLOCKED = "Batch Job Queue Blocked"
