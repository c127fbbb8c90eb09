"""Paths of the door mean what they mean to an API server."""

import pytest

from kubelambda.api.kinds import BY_NAME
from kubelambda.kube.paths import build_path, resource_of
from kubelambda.local.applied_objects import LOCAL_KINDS
from kubelambda.local.door.paths import Target, is_of_door, parse_path


@pytest.mark.parametrize("kind", LOCAL_KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    ("namespace", "name", "subresource"),
    [(None, "", ""), ("apps", "", ""), ("apps", "a b/c", ""), ("apps", "one", "status")],
)
def test_what_a_client_builds_is_understood(
    kind: object, namespace: str | None, name: str, subresource: str
) -> None:
    descriptor = BY_NAME[str(getattr(kind, "name", ""))]
    path = build_path(resource_of(descriptor.name), namespace, name, subresource).encode()
    assert is_of_door(path)
    assert parse_path(path) == Target(descriptor, namespace, name, subresource)


@pytest.mark.parametrize(
    "path",
    [
        b"/apis/kubelambda.io/v1alpha1/lambdaruntimes",
        b"/apis/kubelambda.io/v2/lambdafunctions",
        b"/apis/other.io/v1alpha1/lambdafunctions",
        b"/apis/kubelambda.io/v1alpha1/namespaces//lambdafunctions",
        b"/apis/kubelambda.io/v1alpha1/lambdafunctions/one",
        b"/apis/kubelambda.io/v1alpha1/namespaces/apps/lambdafunctions/one/scale",
        b"/apis/kubelambda.io/v1alpha1/namespaces/apps/lambdafunctions/one/status/x",
        b"/api/v1/namespaces/apps/pods",
        b"/api/v1",
        b"/api/",
        b"/apis/",
    ],
)
def test_there_is_nothing_else(path: bytes) -> None:
    assert parse_path(path) is None


@pytest.mark.parametrize("path", [b"/", b"/2015-03-31/functions/api/invocations", b"/apix"])
def test_the_lambda_api_is_not_the_doors(path: bytes) -> None:
    assert not is_of_door(path)
