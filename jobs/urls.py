"""The URLs of the dashboard; `jobs.web` has a module for each page."""

from django.contrib.auth import views as auth_views
from django.urls import path

from jobs.web import job, jobs, live, logs, overview, submit, tokens

urlpatterns = [
    path("login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("", overview.overview, name="overview"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/bulk/", jobs.bulk, name="jobs_bulk"),
    path("jobs/<uuid:job_id>/", job.job, name="job"),
    path("jobs/<uuid:job_id>/cancel/", job.cancel, name="job_cancel"),
    path("jobs/<uuid:job_id>/terminate/", job.terminate, name="job_terminate"),
    path("jobs/<uuid:job_id>/attempts/<int:number>/log/", logs.log, name="attempt_log"),
    path("jobs/<uuid:job_id>/attempts/<int:number>/log/rows/", logs.rows, name="attempt_log_rows"),
    path("jobs/<uuid:job_id>/attempts/<int:number>/log/live/", logs.live, name="attempt_log_live"),
    path(
        "jobs/<uuid:job_id>/attempts/<int:number>/log/download/",
        logs.download,
        name="attempt_log_download",
    ),
    path("submit/", submit.submit, name="submit"),
    path("submit/check/", submit.check, name="submit_check"),
    path("access/tokens/", tokens.tokens, name="tokens"),
    path("access/tokens/<int:token_id>/revoke/", tokens.revoke, name="token_revoke"),
    path("live/", live.live, name="live"),
]
