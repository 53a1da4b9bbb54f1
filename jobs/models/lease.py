"""Which scheduler is the active one."""

from django.db import models


class SchedulerLease(models.Model):
    """The one row that the active scheduler holds.

    `token` grows with each take-over: a scheduler whose token is no longer the row's has lost the lease
    and must write nothing (fencing). `beats` grows while the holder lives; who stands by watches it by
    his own clock, so that clocks of several machines need not agree.
    """

    name = models.CharField(max_length=32, primary_key=True)
    holder = models.CharField(max_length=255, blank=True)
    token = models.BigIntegerField(default=0)
    beats = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name}: {self.holder or 'nobody'} ({self.token})"
