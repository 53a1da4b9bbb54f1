"""Which entry of the header each page is below."""

# By the first word of a URL's name; an empty section is the account menu's, or no page.
SECTIONS = {
    "overview": "overview",
    **dict.fromkeys(("job", "jobs", "bulk", "attempt", "submit"), "jobs"),
    **dict.fromkeys(
        ("queue", "queues", "policy", "policies", "consumable", "consumables"), "queues"
    ),
    **dict.fromkeys(("environment", "environments", "instance"), "environments"),
    **dict.fromkeys(("definition", "definitions"), "definitions"),
    **dict.fromkeys(("cost", "costs", "budget", "budgets", "right"), "costs"),
    **dict.fromkeys(("monitoring", "alarm", "alarms", "event", "events"), "monitoring"),
    **dict.fromkeys(("access", "audit", "secret", "secrets", "token", "tokens"), ""),
    **dict.fromkeys(("registry", "registries"), ""),
    **dict.fromkeys(("docs", "live", "login", "logout", "search"), ""),
}


def section_of(url_name: str | None) -> str:
    """The section of the page with a URL of this name; empty where it has none, as errors have."""
    return SECTIONS.get((url_name or "").partition("_")[0], "")
