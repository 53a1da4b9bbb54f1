import pytest

from jobs.domain.reasons import ESSENTIAL_EXITED, TERMINATED_BY_USER, brief, explain_exit


@pytest.mark.parametrize(
    ("exit_code", "oom_killed", "words"),
    [
        (0, False, "exit code 0"),
        (3, False, "exit code 3"),
        (127, False, "did not find the command"),
        (126, False, "could not be executed"),
        (137, False, "usually means that the command was ended by signal SIGKILL."),
        (143, False, "SIGTERM"),
        (165, False, "signal 37"),  # a real-time signal has no name of its own
        (255, False, "exit code 255"),
        (137, True, "more than its 512 MiB of memory"),
    ],
)
def test_an_exit_is_explained_in_words(exit_code: int, oom_killed: bool, words: str) -> None:
    assert words in explain_exit(exit_code=exit_code, oom_killed=oom_killed, memory_mib=512)


@pytest.mark.parametrize(
    ("status_reason", "exit_code", "words"),
    [
        (ESSENTIAL_EXITED, 3, "Exit code 3"),
        (ESSENTIAL_EXITED, None, ESSENTIAL_EXITED),
        (TERMINATED_BY_USER, 137, TERMINATED_BY_USER),
    ],
)
def test_a_list_tells_the_exit_code_where_the_reason_says_only_that_it_exited(
    status_reason: str, exit_code: int | None, words: str
) -> None:
    assert brief(status_reason=status_reason, exit_code=exit_code) == words
