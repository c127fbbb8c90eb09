"""Names of images, and which registries may be asked."""

import pytest

from kubelambda.core.images.reference import (
    AllowedRegistries,
    ImageReferenceError,
    parse_image_reference,
)

DIGEST = "sha256:" + "0a" * 32

NAMES = [
    ("a bare name is Docker Hub's", "python", "docker.io/library/python:latest"),
    ("a user's name is Docker Hub's", "me/app:1", "docker.io/me/app:1"),
    ("a host has a dot", "registry.example/app", "registry.example/app:latest"),
    ("or a port", "registry:5000/a/b/c:v1", "registry:5000/a/b/c:v1"),
    ("or is localhost", "localhost/app:1", "localhost/app:1"),
    ("hosts know no case", "Registry.Example/app:V1", "registry.example/app:V1"),
    ("a digest wins over a tag", f"r.example/a:1@{DIGEST}", f"r.example/a@{DIGEST}"),
]


@pytest.mark.parametrize(("text", "meant"), [c[1:] for c in NAMES], ids=[c[0] for c in NAMES])
def test_a_name_means_what_it_means_to_the_kubelet(text: str, meant: str) -> None:
    assert str(parse_image_reference(text)) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "https://registry.example/app",
        "registry.example/App",
        "registry.example/",
        "registry.example/a//b",
        "registry.example/../etc",
        "registry.example/a?b=c",
        "registry.example/a#b",
        "registry.example:port/a",
        "user@registry.example/a",
        "registry.example/a:",
        "registry.example/a@",
        "registry.example/a@sha256:abc",
        "registry.example/a@md5:" + "0" * 64,
        "registry.example/" + "a" * 300,
        "[::1]:5000/a",
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ImageReferenceError, match="name of an image"):
        parse_image_reference(text)


ALLOWED = AllowedRegistries.parse(["docker.io", "registry.example", "http://10.0.0.1:5000"])


def test_only_listed_hosts_have_an_api_and_only_listed_ones_lack_tls() -> None:
    assert ALLOWED.find_api("registry.example") == "https://registry.example"
    assert ALLOWED.find_api("10.0.0.1:5000") == "http://10.0.0.1:5000"
    assert ALLOWED.find_api("docker.io") == "https://registry-1.docker.io"
    for host in ("10.0.0.1", "registry.example:443", "evil.registry.example", "169.254.169.254"):
        assert ALLOWED.find_api(host) == ""


URLS = [
    ("https://registry.example/token?x=y", True),
    ("https://registry.example:443/token", True),
    ("http://10.0.0.1:5000/token", True),
    ("https://10.0.0.1:5000/token", False),
    ("http://registry.example/token", False),
    ("https://registry.example:8443/token", False),
    ("https://registry.example@evil.example/token", False),
    ("https://evil.example/registry.example", False),
    ("file:///etc/passwd", False),
    ("https://registry.example:nope/", False),
    ("", False),
]


@pytest.mark.parametrize(("url", "permitted"), URLS, ids=[c[0] or "nothing" for c in URLS])
def test_a_url_is_permitted_with_host_port_and_scheme(url: str, permitted: bool) -> None:
    assert ALLOWED.permits(url) is permitted


@pytest.mark.parametrize("entry", ["", "ftp://a", "https://a/b", "a/b", "a b", "*", "http://"])
def test_an_entry_that_is_no_registry_is_refused(entry: str) -> None:
    with pytest.raises(ImageReferenceError, match="host"):
        AllowedRegistries.parse([entry])
