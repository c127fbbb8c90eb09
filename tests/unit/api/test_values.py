"""ConfigMaps and Secrets are judged as an API server does."""

from typing import Any

import pytest

from kubelambda.api.admission import RefusedError, admit
from kubelambda.api.kinds import BY_NAME


def make(kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "one"}, **fields}


@pytest.mark.parametrize(
    ("manifest", "field"),
    [
        (make("ConfigMap", data={"a": 1}), "data.a"),
        (make("ConfigMap", dat={"a": "1"}), "dat"),
        (make("ConfigMap", metadata={"name": "Upper"}), "metadata.name"),
        (make("ConfigMap", metadata={"name": "one", "label": {}}), "metadata.label"),
        (make("ConfigMap", metadata={"name": "one", "labels": {"a": 1}}), "metadata.labels.a"),
        (make("ConfigMap", metadata={"name": "one", "namespace": "a.b"}), "metadata.namespace"),
        (make("Secret", data={"a": "not base64!"}), "data"),
        (make("Secret", apiVersion="v2"), "apiVersion"),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused_with_its_field(manifest: dict[str, Any], field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        admit(BY_NAME[manifest["kind"]], manifest)
    assert [cause.field for cause in caught.value.causes] == [field]
    assert "base64!" not in str(caught.value)


def test_plain_text_of_a_secret_wins_over_data() -> None:
    manifest = make("Secret", data={"a": "MQ==", "b": "Mg=="}, stringData={"a": "3"})
    assert admit(BY_NAME["Secret"], manifest)["data"] == {"a": "Mw==", "b": "Mg=="}


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_what_is_immutable_stays(kind: str) -> None:
    former = make(kind, data={"a": "MQ=="}, immutable=True)
    admit(BY_NAME[kind], {**former, "metadata": {"name": "one", "labels": {"a": "b"}}}, former)
    for changed in (make(kind, data={"a": "Mg=="}, immutable=True), make(kind, data={"a": "MQ=="})):
        with pytest.raises(RefusedError, match="immutable"):
            admit(BY_NAME[kind], changed, former)
