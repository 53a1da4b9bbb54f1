import pytest

from jobs.domain.reasons import explain_exit


@pytest.mark.parametrize(
    ("exit_code", "oom_killed", "words"),
    [
        (0, False, "exit code 0"),
        (3, False, "exit code 3"),
        (127, False, "did not find the command"),
        (126, False, "could not be executed"),
        (137, False, "SIGKILL"),
        (143, False, "SIGTERM"),
        (165, False, "signal 37"),  # a real-time signal has no name of its own
        (255, False, "exit code 255"),
        (137, True, "more than its 512 MiB of memory"),
    ],
)
def test_an_exit_is_explained_in_words(exit_code: int, oom_killed: bool, words: str) -> None:
    assert words in explain_exit(exit_code=exit_code, oom_killed=oom_killed, memory_mib=512)
