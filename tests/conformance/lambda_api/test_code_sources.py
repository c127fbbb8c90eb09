"""Code from URLs and from S3, fetched in the function's own environment: F11, F19, F22."""

import hashlib
import os
import time
from typing import Any

from conformance.lambda_api.code_site import (
    ACCESS_KEY,
    SECRET_KEY,
    SESSION_TOKEN,
    CodeSite,
)
from conformance.lambda_api.invoker import Answer, Invoker
from conformance.lambda_api.targets import SOURCES
from conformance.lambda_api.test_code import FILES, HANDLER, make_zip

BUCKET = "code.bucket"
HEALED_S = 25


def by_url(url: str, content: bytes) -> dict[str, Any]:
    return {"url": url, "sha256": hashlib.sha256(content).hexdigest()}


def by_s3(key: str, **more: str) -> dict[str, Any]:
    return {"s3Bucket": BUCKET, "s3Key": key, **more}


def answering(text: str) -> bytes:
    return make_zip({"app.py": f"def handler(event, context):\n    return {text!r}\n"})


def expect_invalid_code(answer: Answer, *words: str) -> None:
    assert answer.is_error
    assert answer.value["errorType"] == "Runtime.InvalidCode"
    for word in words:
        assert word in answer.value["errorMessage"]


def invoke_until(invoker: Invoker, arn: str, wanted: Any) -> list[Any]:
    """All answers up to the wanted one, which has to come in time."""
    answers, end = [invoker(arn).value], time.monotonic() + HEALED_S
    while answers[-1] != wanted:
        assert time.monotonic() < end, answers[-1]
        time.sleep(0.05)
        answers.append(invoker(arn).value)
    return answers


def test_code_from_a_url_and_from_s3_is_the_same_function_as_any_other(
    fetching: Invoker, site: CodeSite
) -> None:
    content = make_zip(FILES | {"noise.bin": os.urandom(1_000_000).hex()})
    site.objects[BUCKET, "dir/a b+ä.zip", ""] = content
    site.redirects["/moved"] = "/same.zip"
    forms = {
        "url": by_url(site.put_file("/same.zip", content), content),
        "redirected": by_url(site.url + "/moved", content),
        "s3": by_s3("dir/a b+ä.zip"),
    }
    for form, code in forms.items():
        answer = fetching(fetching.put(code=code, handler=HANDLER))
        assert answer.value == {"data": "dätä"}, form


def test_changed_code_is_a_changed_function_without_a_failed_request(
    fetching: Invoker, site: CodeSite
) -> None:
    first, second = answering("one"), answering("two")
    site.objects[BUCKET, "versions.zip", "v1"] = first
    site.objects[BUCKET, "versions.zip", "v2"] = second
    changes = [
        (
            by_url(site.put_file("/one.zip", first), first),
            by_url(site.put_file("/two.zip", second), second),
        ),
        (
            by_s3("versions.zip", s3ObjectVersion="v1"),
            by_s3("versions.zip", s3ObjectVersion="v2"),
        ),
    ]
    for before, after in changes:
        name = fetching.new_name()
        arn = fetching.target.put(name, "", code=before)
        assert fetching(arn).value == "one"
        fetching.target.put(name, "", code=after)
        assert set(invoke_until(fetching, arn, "two")) <= {"one", "two"}


def test_f19_addresses_of_the_cluster_and_of_clouds_are_refused_in_words(
    fetching: Invoker,
) -> None:
    spellings = {
        "https://169.254.169.254/latest/meta-data": "a metadata service's address",
        "http://169.254.169.254/latest/meta-data": "plain http only from hosts",
        "https://10.96.0.1/": "a private address",
        "https://[::ffff:10.96.0.1]/": "a private address",
        "https://2130706433/": "an unusual spelling",
        "https://0x0a.0x60.0.1/": "an unusual spelling",
    }
    for url, words in spellings.items():
        answer = fetching(fetching.put(code={"url": url, "sha256": "0" * 64}))
        expect_invalid_code(answer, words)


def test_f19_a_redirect_to_another_host_is_not_followed(fetching: Invoker, site: CodeSite) -> None:
    site.redirects["/away"] = "http://169.254.169.254/latest"
    answer = fetching(fetching.put(code={"url": site.url + "/away", "sha256": "0" * 64}))
    expect_invalid_code(answer, "redirects to another host (169.254.169.254)")


def test_what_is_not_what_the_digest_says_is_not_run(fetching: Invoker, site: CodeSite) -> None:
    url = site.put_file("/changed.zip", answering("changed"))
    for _ in range(2):
        answer = fetching(fetching.put(code=by_url(url + "?token=t0ken", b"expected")))
        expect_invalid_code(answer, "SHA-256", hashlib.sha256(b"expected").hexdigest())
        assert "t0ken" not in answer.value["errorMessage"]


def test_f11_code_that_appears_later_is_run(fetching: Invoker, site: CodeSite) -> None:
    """An environment that found nothing does not stand in the way for ever."""
    content = answering("here")
    arn = fetching.put(code=by_s3("late.zip"))
    expect_invalid_code(fetching(arn), "answered 404 Not Found: NoSuchKey")
    site.objects[BUCKET, "late.zip", ""] = content
    assert invoke_until(fetching, arn, "here")


def test_f22_credentials_of_s3_are_nowhere_to_be_seen(fetching: Invoker, site: CodeSite) -> None:
    looking = (SOURCES / "looking.py").read_text()
    site.objects[BUCKET, "looking.zip", ""] = make_zip({"app.py": looking})
    name = fetching.new_name()
    answer = fetching(fetching.target.put(name, "", code=by_s3("looking.zip")), LogType="Tail")
    assert not answer.is_error
    seen = answer.payload.decode() + answer.tail + fetching.target.read_log(name)
    for secret in (ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, "KUBELAMBDA_S3"):
        assert secret not in seen
