"""The administration: every model, read-only where a hand edit would break an invariant.

What can be changed here is changed by the services, with the same checks and texts as on the pages.
"""

from django.contrib import admin

from . import (
    access,
    access_policy,
    alarm,
    array,
    budget,
    bulk,
    checkpoint,
    consumable,
    cost,
    definition,
    engine,
    environment,
    event_rule,
    instance_type,
    job,
    lease,
    logs,
    policy,
    queue,
    registry,
    right_sizing,
    search,
    secret,
    service,
)

__all__ = [
    "access",
    "access_policy",
    "alarm",
    "array",
    "budget",
    "bulk",
    "checkpoint",
    "consumable",
    "cost",
    "definition",
    "engine",
    "environment",
    "event_rule",
    "instance_type",
    "job",
    "lease",
    "logs",
    "policy",
    "queue",
    "registry",
    "right_sizing",
    "search",
    "secret",
    "service",
]

admin.site.site_title = "Batchweb administration"
admin.site.site_header = "Batchweb administration"
admin.site.index_title = "Everything that is stored"
# `admin/base_site.html` has a link to the dashboard in its place.
admin.site.site_url = None
