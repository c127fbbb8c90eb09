"""Functions whose agents fetch the code from a URL or from S3."""

from dataclasses import replace
from typing import Any

import pytest

from kubelambda.controller.function.function_status import build_status
from kubelambda.controller.function.plan import plan_function
from kubelambda.controller.function.render import Platform, render_function
from kubelambda.core.model.status import read_function_status
from unit.controller.builders import NOW, PLATFORM, RUNTIME, observe, read

URL = {"url": "https://x.example/a", "sha256": "00ff" * 16}
S3 = {"s3Bucket": "abc", "s3Key": "k"}
INLINE = {"inline": {"app.py": "x"}}


def variables(code: dict[str, Any], platform: Platform = PLATFORM) -> dict[str, Any]:
    rendered = render_function(read(code=code), RUNTIME, platform)
    (container,) = rendered.deployment["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable for variable in container["env"]}


def revision(code: dict[str, Any], platform: Platform) -> str:
    return render_function(read(code=code), RUNTIME, platform).revision


@pytest.mark.parametrize(
    ("code", "rules", "secret"), [(INLINE, False, False), (URL, True, False), (S3, True, True)]
)
def test_a_pod_holds_what_its_source_needs(code: dict[str, Any], rules: bool, secret: bool) -> None:
    names = variables(code).keys()
    assert ("KUBELAMBDA_ALLOWED_CODE_HOSTS" in names) is rules
    assert ("KUBELAMBDA_PRIVATE_CIDRS" in names) is rules
    assert ("KUBELAMBDA_S3_ACCESS_KEY_ID" in names) is secret


def test_a_change_of_the_allowed_hosts_rolls_nothing_but_functions_that_fetch() -> None:
    settings = replace(PLATFORM.settings, allowed_code_hosts=("minio.apps:9000",))
    changed = replace(PLATFORM, settings=settings)
    assert revision(INLINE, PLATFORM) == revision(INLINE, changed)
    assert revision(URL, PLATFORM) != revision(URL, changed)
    assert variables(URL, changed)["KUBELAMBDA_ALLOWED_CODE_HOSTS"]["value"] == "minio.apps:9000"


def test_the_status_tells_the_digest_of_a_url_and_drops_a_former_one_for_s3() -> None:
    record = read(code=URL)
    outcome = plan_function(record, observe(record), PLATFORM).outcome
    status = build_status(record, outcome, region="us-east-1", now=NOW)
    assert status["codeSha256"] == "AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8="
    moved = replace(read(code=S3), status=read_function_status(status))
    outcome = plan_function(moved, observe(moved), PLATFORM).outcome
    after = build_status(moved, outcome, region="us-east-1", now=NOW)
    assert after["codeSha256"] is None, "a merge patch takes a field away by null"
    without = {key: value for key, value in after.items() if value is not None}
    settled = replace(moved, status=read_function_status(without))
    assert "codeSha256" not in build_status(settled, outcome, region="us-east-1", now=NOW)


def test_no_part_of_a_url_stands_in_what_is_written_for_it() -> None:
    """A presigned URL is a credential: it travels over the link only."""
    code = {"url": "https://x.example/a?signature=s3cret", "sha256": "0" * 64}
    record = read(code=code)
    outcome = plan_function(record, observe(record), PLATFORM).outcome
    written = [
        render_function(record, RUNTIME, PLATFORM).deployment,
        build_status(record, outcome, region="us-east-1", now=NOW),
        record,
    ]
    assert "s3cret" not in repr(written)
