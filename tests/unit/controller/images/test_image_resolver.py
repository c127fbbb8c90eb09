"""An image's digest and command, from a registry in this process."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.images.image_resolver import resolve_image
from kubelambda.controller.images.registry import ANSWER_BYTES_MAX
from kubelambda.core.images.config import ImageConfig, ImageRequest, ResolvedImage
from kubelambda.core.images.reference import AllowedRegistries
from kubelambda.judge.problem import Problem
from oci_registry import INDEX, MANIFEST, OciRegistry, Reply

COMMAND = {"Entrypoint": ["/entry"], "Cmd": ["app.handler"], "WorkingDir": "/srv"}
BOTH = ImageConfig(("/mine",), ("my.handler",))


@pytest.fixture
def registry() -> Iterator[OciRegistry]:
    with OciRegistry() as one:
        yield one


@pytest.fixture
def other() -> Iterator[OciRegistry]:
    with OciRegistry() as one:
        yield one


async def ask(
    *allowed: OciRegistry, uri: str = "", wanted: ImageConfig | None = None
) -> ResolvedImage | Problem:
    """Resolve ``uri``, or app:1 of the first registry, with those registries allowed."""
    request = ImageRequest(uri or f"{allowed[0].host}/app:1", wanted or ImageConfig())
    hosts = AllowedRegistries.parse(f"http://{host.host}" for host in allowed)
    return await resolve_image(request, hosts, "amd64")


async def refused(*allowed: OciRegistry, **more: Any) -> tuple[Reason | None, str]:
    outcome = await ask(*allowed, **more)
    assert isinstance(outcome, Problem)
    return outcome.reason, outcome.message


async def test_a_tag_becomes_a_digest_with_the_images_command(registry: OciRegistry) -> None:
    digest = registry.put_image("app:1", **COMMAND)["digest"]
    found = await ask(registry)
    assert isinstance(found, ResolvedImage)
    assert found.image == f"{registry.host}/app@{digest}"
    assert found.bootstrap == ("/entry", "app.handler")
    assert found.config.working_directory == "/srv"


async def test_an_image_named_by_digest_is_that_image(registry: OciRegistry) -> None:
    digest = registry.put_image(**COMMAND)["digest"]
    found = await ask(registry, uri=f"{registry.host}/app:gone@{digest}")
    assert isinstance(found, ResolvedImage)
    assert found.image == f"{registry.host}/app@{digest}"


async def test_of_an_index_the_nodes_variant_is_read_and_the_index_is_named(
    registry: OciRegistry,
) -> None:
    variants = []
    for architecture in ("arm64", "amd64"):
        descriptor = registry.put_image(Cmd=[architecture])
        variants.append({**descriptor, "platform": {"os": "linux", "architecture": architecture}})
    index = registry.put({"schemaVersion": 2, "manifests": variants}, INDEX, "app:1")
    found = await ask(registry)
    assert isinstance(found, ResolvedImage)
    assert found.bootstrap == ("amd64",)
    assert found.image.endswith(index["digest"])


async def test_a_token_is_fetched_anonymously_where_the_registry_asks_for_one(
    registry: OciRegistry,
) -> None:
    registry.put_image("app:1", **COMMAND)
    realm = f'realm="http://{registry.host}/token",service="s x",scope="repository:app:pull"'

    def guard(path: str, headers: Mapping[str, str]) -> Reply | None:
        if path.startswith("/token"):
            assert "Authorization" not in headers
            return Reply(content=b'{"token": "t0ken"}')
        if headers.get("Authorization") == "Bearer t0ken":
            return None
        return Reply(401, {"WWW-Authenticate": f"Bearer {realm}"})

    registry.answer_first = guard
    assert isinstance(await ask(registry), ResolvedImage)
    tokens = [request for request in registry.requests if request.startswith("/token")]
    assert tokens == ["/token?scope=repository:app:pull&service=s+x"], "once"


def demand_token(realm: str) -> Any:
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm}"'}
    return lambda _path, _headers: Reply(401, challenge)


async def test_no_token_is_fetched_from_a_host_that_is_not_allowed(
    registry: OciRegistry, other: OciRegistry
) -> None:
    registry.answer_first = demand_token(f"http://{other.host}/token")
    reason, message = await refused(registry)
    assert reason is Reason.REGISTRY_NOT_ALLOWED
    assert other.host in message
    assert "functions.allowedRegistries" in message
    assert other.requests == []


@pytest.mark.parametrize(
    "realm", ["", "file:///etc/passwd", "http://169.254.169.254/latest", "gopher://x/", "http://["]
)
async def test_a_hostile_realm_is_asked_nothing(registry: OciRegistry, realm: str) -> None:
    registry.answer_first = demand_token(realm)
    reason, _ = await refused(registry)
    assert reason in (Reason.REGISTRY_NOT_ALLOWED, Reason.REGISTRY_ACCESS_DENIED)


async def test_a_registry_that_is_not_allowed_is_asked_nothing(
    registry: OciRegistry, other: OciRegistry
) -> None:
    reason, message = await refused(registry, uri=f"{other.host}/app:1")
    assert reason is Reason.REGISTRY_NOT_ALLOWED
    assert f"the host {other.host} is not among the registries" in message
    assert other.requests == []


async def test_what_is_no_name_asks_nobody(registry: OciRegistry) -> None:
    reason, message = await refused(registry, uri=f"{registry.host}/../app")
    assert reason is Reason.INVALID_SPEC
    assert message.startswith("code.imageURI")
    assert registry.requests == []


async def test_an_image_that_is_not_there_says_what_to_do(registry: OciRegistry) -> None:
    reason, message = await refused(registry)
    assert reason is Reason.IMAGE_NOT_FOUND
    assert message == (
        f"{registry.host}/app:1 is not in the registry; push it, or correct code.imageURI"
    )


DENIALS = [401, 403]


@pytest.mark.parametrize("status", DENIALS)
async def test_a_private_image_wants_its_whole_command_in_the_spec(
    registry: OciRegistry, status: int
) -> None:
    registry.answer_first = lambda _path, _headers: Reply(status)
    for wanted in (ImageConfig(), ImageConfig(("/a",)), ImageConfig(command=("b",))):
        reason, message = await refused(registry, wanted=wanted)
        assert reason is Reason.REGISTRY_ACCESS_DENIED
        assert "imageConfig.entryPoint and imageConfig.command" in message
    found = await ask(registry, wanted=BOTH)
    assert isinstance(found, ResolvedImage)
    assert (found.image, found.bootstrap) == (f"{registry.host}/app:1", ("/mine", "my.handler"))
    assert found.config.working_directory == "."


async def test_a_registry_that_is_away_is_asked_again() -> None:
    with OciRegistry() as gone:
        pass
    outcome = await ask(gone)
    assert isinstance(outcome, Problem)
    assert outcome.transient
    assert outcome.reason is Reason.REGISTRY_UNAVAILABLE


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_registry_in_trouble_is_asked_again(registry: OciRegistry, status: int) -> None:
    registry.answer_first = lambda _path, _headers: Reply(status)
    outcome = await ask(registry)
    assert isinstance(outcome, Problem)
    assert outcome.transient


def redirect(kind: str, location: str) -> Any:
    def answer(path: str, _: Mapping[str, str]) -> Reply | None:
        is_meant = f"/{kind}/" in path and "moved" not in path
        return Reply(307, {"Location": location + path}) if is_meant else None

    return answer


async def test_a_manifest_is_not_followed_to_another_host(
    registry: OciRegistry, other: OciRegistry
) -> None:
    other.put_image("app:1", **COMMAND)
    registry.answer_first = redirect("manifests", f"http://{other.host}")
    reason, message = await refused(registry, other)
    assert reason is Reason.INVALID_IMAGE
    assert "another host" in message
    assert other.requests == []


async def test_a_blob_is_followed_to_an_allowed_host_without_the_token(
    registry: OciRegistry, other: OciRegistry
) -> None:
    for server in (registry, other):
        server.put_image("app:1", **COMMAND)
    token_realm = demand_token(f"http://{registry.host}/token")
    to_other = redirect("blobs", f"http://{other.host}")

    def answer(path: str, headers: Mapping[str, str]) -> Reply | None:
        if path.startswith("/token"):
            return Reply(content=b'{"access_token": "t"}')
        if "Authorization" not in headers:
            return token_realm(path, headers)
        return to_other(path, headers)

    seen: list[str | None] = []
    registry.answer_first = answer
    other.answer_first = lambda _, headers: seen.append(headers.get("Authorization"))
    assert isinstance(await ask(registry, other), ResolvedImage)
    assert seen == [None]
    reason, message = await refused(registry)
    assert reason is Reason.REGISTRY_NOT_ALLOWED
    assert other.host in message


async def test_redirects_end(registry: OciRegistry) -> None:
    registry.answer_first = lambda path, _: Reply(302, {"Location": path})
    reason, message = await refused(registry)
    assert reason is Reason.INVALID_IMAGE
    assert "without end" in message
    assert len(registry.requests) < 10


LIES = {
    "too much": Reply(200, {"Content-Type": MANIFEST}, b" " * (ANSWER_BYTES_MAX + 1)),
    "no JSON": Reply(200, {"Content-Type": MANIFEST}, b"<html>"),
    "another kind": Reply(200, {"Content-Type": "text/html"}, b"{}"),
    "a bomb": Reply(200, {"Content-Type": MANIFEST, "Content-Encoding": "gzip"}, b"\x1f\x8b"),
    "an empty index": Reply(200, {"Content-Type": INDEX}, b'{"manifests": []}'),
    "a status nobody knows": Reply(418),
    "a redirect to nowhere": Reply(302),
}


@pytest.mark.parametrize("reply", LIES.values(), ids=LIES)
async def test_an_answer_that_is_no_image_is_said(registry: OciRegistry, reply: Reply) -> None:
    registry.answer_first = lambda _path, _headers: reply
    reason, _ = await refused(registry)
    assert reason is Reason.INVALID_IMAGE


async def test_a_blob_that_is_not_what_its_digest_says_is_refused(registry: OciRegistry) -> None:
    registry.put_image("app:1", **COMMAND)
    lie = Reply(content=b'{"config": {"Cmd": ["/evil"]}}')
    registry.answer_first = lambda path, _: lie if "/blobs/" in path else None
    reason, message = await refused(registry)
    assert reason is Reason.INVALID_IMAGE
    assert "digest" in message


async def test_a_manifest_that_is_not_the_one_asked_for_is_refused(registry: OciRegistry) -> None:
    wanted = registry.put_image(**COMMAND)["digest"]
    registry.put_image("app:1", Cmd=["/evil"])
    registry.answer_first = lambda path, _: (
        registry.reply("/v2/app/manifests/1") if wanted in path else None
    )
    reason, message = await refused(registry, uri=f"{registry.host}/app@{wanted}")
    assert reason is Reason.INVALID_IMAGE
    assert "digest" in message
