"""The kinds of events, by EventBridge's `detail-type`.

Source: AWS Batch User Guide, "Job state change events" and "Job queue blocked events".
"""

from enum import StrEnum


class DetailType(StrEnum):
    """What an event tells of."""

    STATE_CHANGE = "Batch Job State Change"
    QUEUE_BLOCKED = "Batch Job Queue Blocked"


# Of alarms: CloudWatch User Guide, "Alarm events and EventBridge".
ALARM_CHANGE = "CloudWatch Alarm State Change"
BATCH = "aws.batch"
CLOUDWATCH = "aws.cloudwatch"
# Ours: an event that was made to try a rule.
OWN = "batchweb"
TEST_EVENT = "Batchweb Test Event"
