"""The end of a report says what was skipped and what would run it."""

from not_run import describe_not_run

INSTALL = "make local-runtimes INSTALL=1"


def test_reasons_that_name_a_target_are_one_line_with_their_subjects() -> None:
    lines = describe_not_run(
        [
            f"ruby: no program ruby on PATH: {INSTALL}",
            f"java: runtime java21 needs java: {INSTALL}",
            f"java: runtime java21 needs java: {INSTALL}",
            "AWS's SDKs: make test-clients",
        ]
    )
    assert lines == [
        f"3 tests of java, ruby: {INSTALL}",
        "1 test of AWS's SDKs: make test-clients",
    ]


def test_a_reason_without_a_target_has_a_line_of_its_own_after_the_targets() -> None:
    lines = describe_not_run(
        ["no network", "no mount namespace", "no network", "go: no compiler: make local-runtimes"]
    )
    assert lines == [
        "1 test of go: make local-runtimes",
        "2 tests: no network",
        "1 test: no mount namespace",
    ]


def test_a_reason_that_mentions_a_target_within_its_sentence_keeps_its_own_words() -> None:
    reason = "files that `make local-runtimes` prepares are missing"
    assert describe_not_run([reason]) == [f"1 test: {reason}"]


def test_where_nothing_was_skipped_nothing_is_said() -> None:
    assert describe_not_run([]) == []
