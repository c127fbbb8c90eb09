"""The table of ``kubelambda get`` looks as kubectl's does."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kubelambda.api.kinds import BY_NAME
from kubelambda.cli.table import render_age, render_table

NOW = datetime(2026, 11, 29, 4, 0, 0, tzinfo=UTC)


def make(name: str, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "apps",
            "creationTimestamp": "2026-11-29T03:57:40Z",
        },
        "spec": {"runtime": "python3.13", "memorySize": 128, "timeout": 3},
        "status": status,
    }


def test_columns_are_those_of_the_crd_and_blank_where_there_is_nothing() -> None:
    conditions = [{"type": "Stalled"}, {"type": "Ready", "status": "True", "reason": "Ready"}]
    items = [make("hello", conditions=conditions), make("other-function")]
    assert render_table(BY_NAME["LambdaFunction"], items, NOW).splitlines() == [
        "NAME             RUNTIME      MEMORY   TIMEOUT   READY   REASON   AGE",
        "hello            python3.13   128      3         True    Ready    2m20s",
        "other-function   python3.13   128      3                          2m20s",
    ]


def test_wide_columns_namespaces_and_prefixes() -> None:
    table = render_table(
        BY_NAME["LambdaFunction"],
        [make("hello", functionArn="arn:x")],
        NOW,
        wide=True,
        namespaces=True,
        prefix="lambdafunction/",
    )
    head, row = table.splitlines()
    assert head.startswith("NAMESPACE   NAME")
    assert head.endswith("MESSAGE   REVISION   ARN")
    assert row.startswith("apps        lambdafunction/hello")
    assert row.endswith("arn:x")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (601, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (12_000, "3h20m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (176_400, "2d1h"),
        (691_200, "8d"),
        (40_000_000, "462d"),
        (70_000_000, "2y80d"),
    ],
)
def test_an_age_is_as_exact_as_kubectls(seconds: float, text: str) -> None:
    assert render_age(seconds) == text
