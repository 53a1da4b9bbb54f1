"""Who is logged in: read with whether access policies bind him, so that no page asks again for who has none."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from jobs.selectors.access.policies import with_policies


class PolicyBackend(ModelBackend):
    """Django's own, by names and passwords. Sessions that began before it go on with Django's."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User:
        """The user. Raises PermissionDenied if it is not his password: Django's would only look at the same again."""
        found = super().authenticate(request, username=username, password=password, **kwargs)
        if not isinstance(found, User):
            raise PermissionDenied
        return found

    def get_user(self, user_id: int) -> User | None:
        """The user of a session; None if he may not log in."""
        found = with_policies(User.objects.all()).filter(pk=user_id).first()
        return found if found is not None and self.user_can_authenticate(found) else None
