"""URL paths of the API server."""

import pytest

from kubelambda.kube.paths import CRDS, DEPLOYMENTS, PODS, build_path

CASES = [
    (build_path(PODS, "apps"), "/api/v1/namespaces/apps/pods"),
    (build_path(PODS), "/api/v1/pods"),
    (build_path(PODS, "apps", "p", "resize"), "/api/v1/namespaces/apps/pods/p/resize"),
    (build_path(DEPLOYMENTS, "apps", "d"), "/apis/apps/v1/namespaces/apps/deployments/d"),
    (
        build_path(CRDS, None, "x.y"),
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/x.y",
    ),
]


@pytest.mark.parametrize(("path", "expected"), CASES)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


def test_names_are_data() -> None:
    """Rule A7: a name cannot leave its place in the path."""
    assert build_path(PODS, "a/b", "../c?x") == "/api/v1/namespaces/a%2Fb/pods/..%2Fc%3Fx"


def test_an_empty_namespace_never_means_all() -> None:
    """Rule A2."""
    with pytest.raises(ValueError, match="empty namespace"):
        build_path(PODS, "")
