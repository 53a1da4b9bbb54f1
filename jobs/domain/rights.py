"""Who may do what, in words: the rules are held where each thing is done."""

from dataclasses import dataclass

NOTHING = "Nothing: the account is switched off, and so are its tokens and keys."


@dataclass(frozen=True, slots=True)
class Role:
    """A kind of user. `short` is for a list, `may` and `may_not` say it in full."""

    name: str
    short: str
    may: str
    may_not: str


USER = Role(
    name="User",
    short="His own jobs",
    may="Submits jobs, and sees, cancels, terminates, reruns and tags his own; reads their logs and costs; keeps "
    "secrets, tokens, keys and logins of registries of his own; looks at queues, environments and definitions; "
    "registers job definitions through the API, under names that are his.",
    may_not="Sees no job of others, and changes nothing that others use. An access policy may deny him more, or "
    "give him a part of the setup.",
)
STAFF = Role(
    name="Administrator",
    short="Everybody’s jobs, and the setup",
    may="All that a user may, with everybody’s jobs; makes, changes and deletes definitions, queues, environments, "
    "instance types, policies, resources, budgets and alarms; reads this page and the audit trail.",
    may_not="In the administration, only what his permissions or groups name; nowhere what an access policy denies "
    "him.",
)
SUPERUSER = Role(
    name="Superuser",
    short="Everything",
    may="All that an administrator may, and everything in the administration: users and groups too. Writes access "
    "policies, and is bound by none.",
    may_not="What the services themselves refuse, such as to change the history.",
)
JOB = Role(
    name="Job with a role",
    short="Its owner’s jobs",
    may="Calls the AWS-compatible API as its owner does, while it runs.",
    may_not="Never has an administrator’s rights, whoever owns it; what an access policy denies its owner is denied to "
    "it, and none gives it anything.",
)
ROLES = (USER, STAFF, SUPERUSER, JOB)


def role_of(*, is_staff: bool, is_superuser: bool) -> Role:
    """What an active user is. Who may do everything in the administration need not be an administrator elsewhere."""
    if is_superuser and is_staff:
        return SUPERUSER
    return STAFF if is_staff else USER
