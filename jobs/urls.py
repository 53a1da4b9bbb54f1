"""The URLs of the dashboard; `jobs.web` has a module for each page."""

from django.contrib.auth import views as auth_views
from django.urls import path, register_converter

from jobs.api import events as api_events
from jobs.api.table import operations_table
from jobs.web import (
    access_keys,
    arrays,
    budgets,
    bulk,
    consumables,
    converters,
    definitions,
    docs,
    environments,
    events,
    instance_types,
    instances,
    job,
    job_credentials,
    jobs,
    live,
    logs,
    overview,
    policies,
    queues,
    right_sizing,
    secrets,
    submit,
    tokens,
)

register_converter(converters.JobIdConverter, "job")
register_converter(converters.InstanceTypeConverter, "type")

ATTEMPT = "jobs/<job:job_id>/attempts/<int:number>/"
# One container of a try: the index of its node, and its own on that node. Without them, 0 and 0.
CONTAINER = ATTEMPT + "<int:node>/<int:container>/"

urlpatterns = [
    path("login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("", overview.overview, name="overview"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/bulk/", bulk.start, name="jobs_bulk"),
    path("jobs/bulk/<int:bulk_id>/", bulk.bulk, name="bulk"),
    path("jobs/<job:job_id>/", job.job, name="job"),
    path("jobs/<job:job_id>#<int:node>/", job.node, name="job_node"),
    path("jobs/<job:job_id>/cancel/", job.cancel, name="job_cancel"),
    path("jobs/<job:job_id>/terminate/", job.terminate, name="job_terminate"),
    path("jobs/<job:job_id>/rerun/", job.rerun, name="job_rerun"),
    path("jobs/<job:job_id>/children/", arrays.children, name="job_children"),
    path(ATTEMPT + "log/", logs.log, name="attempt_log"),
    path(ATTEMPT + "log/rows/", logs.rows, name="attempt_log_rows"),
    path(ATTEMPT + "log/live/", logs.live, name="attempt_log_live"),
    path(ATTEMPT + "log/download/", logs.download, name="attempt_log_download"),
    path(CONTAINER + "log/", logs.log, name="attempt_log"),
    path(CONTAINER + "log/rows/", logs.rows, name="attempt_log_rows"),
    path(CONTAINER + "log/live/", logs.live, name="attempt_log_live"),
    path(CONTAINER + "log/download/", logs.download, name="attempt_log_download"),
    path("submit/", submit.submit, name="submit"),
    path("submit/fill/", submit.fill, name="submit_fill"),
    path("submit/check/", submit.check, name="submit_check"),
    path("definitions/", definitions.definitions, name="definitions"),
    path("definitions/<slug:name>/", definitions.definition, name="definition"),
    path("definitions/<slug:name>/compare/", definitions.compare, name="definition_compare"),
    path("definitions/<slug:name>/<int:revision>/", definitions.definition, name="definition"),
    path(
        "definitions/<slug:name>/<int:revision>/deregister/",
        definitions.deregister,
        name="definition_deregister",
    ),
    path("queues/", queues.queues, name="queues"),
    path("queues/<slug:name>/", queues.queue, name="queue"),
    path("queues/<slug:name>/edit/", queues.edit, name="queue_edit"),
    path("queues/<slug:name>/enable/", queues.enable, name="queue_enable"),
    path("queues/<slug:name>/disable/", queues.disable, name="queue_disable"),
    path("queues/<slug:name>/delete/", queues.delete, name="queue_delete"),
    path("policies/", policies.policies, name="policies"),
    path("policies/<slug:name>/", policies.policy, name="policy"),
    path("policies/<slug:name>/edit/", policies.edit, name="policy_edit"),
    path("policies/<slug:name>/delete/", policies.delete, name="policy_delete"),
    path("resources/", consumables.consumables, name="consumables"),
    path("resources/<slug:name>/", consumables.consumable, name="consumable"),
    path("resources/<slug:name>/delete/", consumables.delete, name="consumable_delete"),
    path("budgets/", budgets.budgets, name="budgets"),
    path("budgets/<slug:name>/", budgets.budget, name="budget"),
    path("budgets/<slug:name>/edit/", budgets.edit, name="budget_edit"),
    path("budgets/<slug:name>/delete/", budgets.delete, name="budget_delete"),
    path("right-sizing/", right_sizing.right_sizing, name="right_sizing"),
    path("right-sizing/<slug:name>/", right_sizing.definition, name="right_sizing_of"),
    path(
        "right-sizing/<slug:name>/<int:attempt_id>/", right_sizing.run, name="right_sizing_run"
    ),
    path("secrets/", secrets.secrets, name="secrets"),
    path("secrets/<int:secret_id>/", secrets.secret, name="secret"),
    path("secrets/<int:secret_id>/delete/", secrets.delete, name="secret_delete"),
    path("environments/", environments.environments, name="environments"),
    path("environments/<slug:name>/", environments.environment, name="environment"),
    path("environments/<slug:name>/edit/", environments.edit, name="environment_edit"),
    path("environments/<slug:name>/enable/", environments.enable, name="environment_enable"),
    path("environments/<slug:name>/disable/", environments.disable, name="environment_disable"),
    path("environments/<slug:name>/delete/", environments.delete, name="environment_delete"),
    path(
        "environments/<slug:name>/nodes/<slug:instance_id>/",
        environments.node,
        name="environment_node",
    ),
    path(
        "environments/<slug:name>/engine/",
        environments.engine,
        name="environment_engine",
    ),
    path("instances/<slug:instance_id>/", instances.instance, name="instance"),
    path("instance-types/", instance_types.instance_types, name="instance_types"),
    path("instance-types/<type:name>/", instance_types.instance_type, name="instance_type"),
    path("instance-types/<type:name>/edit/", instance_types.edit, name="instance_type_edit"),
    path("instance-types/<type:name>/delete/", instance_types.delete, name="instance_type_delete"),
    # Not below the lists: there, any word may be a name.
    path("new/definition/", definitions.new, name="definition_new"),
    path("new/queue/", queues.new, name="queue_new"),
    path("new/environment/", environments.new, name="environment_new"),
    path("new/instance-type/", instance_types.new, name="instance_type_new"),
    path("new/policy/", policies.new, name="policy_new"),
    path("new/budget/", budgets.new, name="budget_new"),
    path("new/resource/", consumables.new, name="consumable_new"),
    path("access/keys/", access_keys.access_keys, name="access_keys"),
    path("access/keys/<int:key_id>/revoke/", access_keys.revoke, name="access_key_revoke"),
    path("access/tokens/", tokens.tokens, name="tokens"),
    path("access/tokens/<int:token_id>/revoke/", tokens.revoke, name="token_revoke"),
    path(
        "job-credentials/<int:attempt_id>", job_credentials.job_credentials, name="job_credentials"
    ),
    path("live/", live.live, name="live"),
    path("docs/<slug:name>/", docs.docs, {"table": operations_table}, name="docs"),
    path("events/", events.events, {"write": api_events.events_as_json}, name="events"),
]
