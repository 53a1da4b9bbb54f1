"""What somebody may do, and his own password: pages for each user."""

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from jobs.domain.errors import InvalidInput

from . import answers
from .access import user_of
from .contexts import own_policies
from .contexts.forms import errors_elsewhere

# The names of Django's form.
FIELDS = ("old_password", "new_password1", "new_password2")


@answers.allow("GET")
def own(request: HttpRequest) -> HttpResponse:
    """His role, his groups, and the access policies that bind him, in words."""
    user = user_of(request)
    return answers.page(
        request,
        "access_policies/own.html",
        own_policies.build(user),
        as_json=lambda: own_policies.as_json(user),
    )


@answers.allow("GET", "POST")
def password(request: HttpRequest) -> HttpResponse:
    """GET: the form. POST: sets a new password, and ends his other sessions; tokens and access keys stay."""
    user = user_of(request)
    if request.method != "POST":
        return answers.page(request, "access/password.html", {})
    fields = answers.posted(request)
    form = PasswordChangeForm(user, {name: str(fields.get(name) or "") for name in FIELDS})
    if not form.is_valid():
        wrong = {name: [str(text) for text in texts] for name, texts in form.errors.items()}
        return answers.refused(
            request,
            InvalidInput(wrong),
            "access/password.html",
            lambda errors: {
                "errors": errors,
                "form_errors": errors_elsewhere(errors, fields=FIELDS),
            },
        )
    form.save()
    if not hasattr(request, "bearer_user"):
        update_session_auth_hash(request, user)
    return answers.done(
        request,
        to=reverse("access_own"),
        message="Your password is changed. Your other sessions are logged out.",
        as_json={},
    )
