"""All URLs of a Batchweb server."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/rq/", include("django_rq.urls")),
    path("admin/", admin.site.urls),
    path("", include("jobs.urls")),
]

handler400 = "jobs.web.errors.bad_request"
handler403 = "jobs.web.errors.forbidden"
handler404 = "jobs.web.errors.not_found"
handler500 = "jobs.web.errors.server_error"
