"""What a page of another site can make a browser send is refused."""

import pytest

from kubelambda.local.door.guard import find_refusal

HOST = {b"host": b"127.0.0.1:9000"}
JSON = {b"content-type": b"application/json"}


def judge(method: bytes, headers: dict[bytes, bytes], *, has_body: bool = True) -> int:
    """The status that a request is refused with; 0 if it is served."""
    refusal = find_refusal(method, headers, has_body=has_body)
    return refusal.status if refusal is not None else 0


@pytest.mark.parametrize(
    "host", [b"127.0.0.1:9000", b"127.0.0.1", b"localhost:9000", b"LOCALHOST", b"[::1]:9000"]
)
def test_a_client_of_this_machine_is_served(host: bytes) -> None:
    assert judge(b"GET", {b"host": host}, has_body=False) == 0
    assert judge(b"POST", {b"host": host, **JSON}) == 0


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example:9000",
        b"127.0.0.1.evil.example",
        b"localhost.evil.example",
        b"evil.example@127.0.0.1.evil.example",
        b"[::1",
        b"",
        b"10.0.0.1:9000",
    ],
)
def test_a_name_that_was_bound_again_is_refused(host: bytes) -> None:
    for method in (b"GET", b"POST", b"DELETE"):
        assert judge(method, {b"host": host, **JSON}) == 403


@pytest.mark.parametrize(
    "origin",
    [b"https://evil.example", b"null", b"http://127.0.0.1:3000", b"http://localhost:9000", b""],
)
def test_another_origin_is_refused(origin: bytes) -> None:
    """Also that of another program on this machine."""
    for method in (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE"):
        assert judge(method, {**HOST, **JSON, b"origin": origin}) == 403


def test_its_own_origin_is_served() -> None:
    assert judge(b"POST", {**HOST, **JSON, b"origin": b"http://127.0.0.1:9000"}) == 0


@pytest.mark.parametrize("site", [b"cross-site", b"same-site"])
def test_what_the_browser_says_of_the_site_counts(site: bytes) -> None:
    assert judge(b"GET", {**HOST, b"sec-fetch-site": site}, has_body=False) == 403


@pytest.mark.parametrize(
    "content_type",
    [b"", b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=a"],
)
@pytest.mark.parametrize("method", [b"POST", b"PUT", b"PATCH", b"DELETE"])
def test_what_a_form_can_send_is_no_object(method: bytes, content_type: bytes) -> None:
    assert judge(method, {**HOST, b"content-type": content_type}) == 415


def test_a_preflight_is_refused() -> None:
    assert judge(b"OPTIONS", HOST, has_body=False) == 405


def test_a_merge_patch_and_a_delete_without_a_body_are_served() -> None:
    assert judge(b"PATCH", {**HOST, b"content-type": b"application/merge-patch+json"}) == 0
    assert judge(b"DELETE", HOST, has_body=False) == 0
