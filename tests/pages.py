"""Every page of the dashboard, by the name of its URL: what goes over all pages goes over these.

A URL that is new has no entry, and a test fails until it has one.
"""

from collections.abc import Callable, Iterator

from django.urls import URLPattern, reverse

from jobs import urls

from .world import World

# Names of URLs that answer posts, data or streams only, or take their reader elsewhere.
NOT_PAGES = frozenset(
    {
        "job_credentials",
        "job_checkpoint_archive",
        "job_checkpoint_file",
        "job_children",
        "job_view_delete",
        "job_views",
        "jobs_export",
        "bulk_stop",
        "bulk_undo",
        "access_policy_attach",
        "access_policy_detach",
        "alarm_delete",
        "event_rule_again",
        "event_rule_now",
        "event_rule_test",
        "event_rule_try",
        "attempt_log_rows",
        "attempt_log_search",
        "attempt_log_live",
        "attempt_log_download",
        "cost_rows",
        "environment_disable",
        "environment_enable",
        "live",
        # It sends on who is logged in.
        "login",
        "logout",
        "queue_disable",
        "registry_check",
        "queue_enable",
        "policy_delete",
        "consumable_delete",
        "budget_delete",
        "environment_engine",
        "environment_node",
        "instance_type_delete",
        "job_cancel",
        "job_rerun",
        "submit_check",
        "submit_fill",
        "submit_jobs",
        # The same as "job", for a node.
        "job_node",
    }
)
Address = Callable[[World], str]


def _of(name: str, *arguments: Callable[[World], object], query: str = "") -> Address:
    def address(world: World) -> str:
        return reverse(name, args=[each(world) for each in arguments]) + query

    return address


def _plain(*names: str) -> dict[str, tuple[Address, ...]]:
    return {name: (_of(name),) for name in names}


def _named(thing: Callable[[World], object], *names: str) -> dict[str, tuple[Address, ...]]:
    return {name: (_of(name, thing),) for name in names}


JOBS: tuple[Callable[[World], object], ...] = (
    lambda world: world.running.pk,
    lambda world: world.waiting.pk,
    lambda world: world.failed.pk,
    lambda world: world.pending.pk,
    lambda world: world.array.pk,
    lambda world: f"{world.array.pk}:1",
    lambda world: world.group.pk,
)
PAGES: dict[str, tuple[Address, ...]] = {
    **_plain(
        "overview",
        "definitions",
        "queues",
        "policies",
        "consumables",
        "costs",
        "budgets",
        "right_sizing",
        "secrets",
        "registries",
        "environments",
        "instance_types",
        "definition_new",
        "queue_new",
        "environment_new",
        "instance_type_new",
        "policy_new",
        "budget_new",
        "consumable_new",
        "access_keys",
        "tokens",
        "access",
        "access_own",
        "access_password",
        "access_policies",
        "access_policy_new",
        "access_policy_check",
        "audit",
        "monitoring",
        "alarms",
        "alarm_new",
        "events",
        "event_rules",
        "event_rule_new",
    ),
    "jobs": (_of("jobs"), _of("jobs", query="?status=FAILED&name=sim")),
    "search": (_of("search"), _of("search", query="?q=render"), _of("search", query="?q=zzzz")),
    **_named(lambda world: world.alarm.name, "alarm", "alarm_edit"),
    **_named(
        lambda world: world.event_rule.name,
        "event_rule",
        "event_rule_edit",
        "event_rule_delete",
        "event_rule_secret",
    ),
    **_named(lambda world: world.array.pk, "job_timeline"),
    "job_api": (_of("job_api", lambda world: world.failed.pk),),
    "job": tuple(_of("job", each) for each in JOBS),
    "jobs_bulk": (_of("jobs_bulk"),),
    "bulk": (_of("bulk", lambda world: world.bulk.pk),),
    "submit": (
        _of("submit"),
        lambda world: f"{reverse('submit')}?again={world.array.pk}",
    ),
    "docs": (
        _of("docs", lambda _: "access"),
        _of("docs", lambda _: "api"),
        _of("docs", lambda _: "events"),
    ),
    **_named(lambda world: world.running.pk, "job_terminate"),
    **_named(lambda world: world.failed.pk, "job_checkpoint", "job_checkpoint_delete"),
    **_named(lambda world: world.definition.name, "definition"),
    "definition_compare": (
        _of("definition_compare", lambda world: world.definition.name, query="?old=1&new=2"),
    ),
    "definition_deregister": (
        _of("definition_deregister", lambda world: world.definition.name, lambda world: 1),
    ),
    **_named(lambda world: world.queue.name, "queue_edit", "queue_delete"),
    "queue": (
        _of("queue", lambda world: world.queue.name),
        _of("queue", lambda world: world.fair_queue.name),
    ),
    **_named(lambda world: world.policy.name, "policy", "policy_edit"),
    **_named(lambda world: world.resource.name, "consumable"),
    **_named(lambda world: world.budget.name, "budget", "budget_edit"),
    "right_sizing_of": (_of("right_sizing_of", lambda world: world.definition.name),),
    "right_sizing_run": (
        _of(
            "right_sizing_run",
            lambda world: world.definition.name,
            lambda world: world.measured.pk,
        ),
    ),
    **_named(lambda world: world.secret.pk, "secret", "secret_delete"),
    **_named(lambda world: world.login.pk, "registry", "registry_delete"),
    **_named(
        lambda world: world.access_policy.pk,
        "access_policy",
        "access_policy_edit",
        "access_policy_delete",
    ),
    **_named(lambda world: world.environment.name, "environment_edit", "environment_delete"),
    "environment": (
        _of("environment", lambda world: world.environment.name),
        _of("environment", lambda world: world.managed.name),
    ),
    **_named(lambda world: world.instance.instance_id, "instance"),
    **_named(
        lambda world: world.instance_type.name,
        "instance_type",
        "instance_type_edit",
    ),
    **_named(lambda world: world.key.pk, "access_key_revoke"),
    **_named(lambda world: world.token.pk, "token_revoke"),
    "attempt_log": (
        _of("attempt_log", lambda world: world.running.pk, lambda world: 1),
        _of("attempt_log", lambda world: world.failed.pk, lambda world: 2),
    ),
}


def names_of_urls() -> Iterator[str]:
    """The names of all URLs of the dashboard."""
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        assert pattern.name is not None
        yield pattern.name


def addresses(world: World) -> list[str]:
    """The paths of all pages in this world."""
    return [address(world) for each in PAGES.values() for address in each]
