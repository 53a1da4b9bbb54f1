"""The account and region that this installation's ARNs name."""

from django.conf import settings

from jobs.domain.arns import Arns


def arns() -> Arns:
    """Writes and reads this installation's ARNs."""
    return Arns(account=settings.BATCHWEB_AWS_ACCOUNT_ID, region=settings.BATCHWEB_AWS_REGION)
