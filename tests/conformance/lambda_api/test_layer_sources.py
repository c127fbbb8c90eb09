"""Layers from URLs and from S3, fetched in the function's own environment: F19, F22."""

import hashlib
from typing import Any

from conformance.lambda_api.code_site import ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, CodeSite
from conformance.lambda_api.invoker import Invoker
from conformance.lambda_api.layers import build_layer
from conformance.lambda_api.test_code import make_zip
from conformance.lambda_api.test_code_sources import BUCKET, by_s3, by_url, expect_invalid_code
from conformance.lambda_api.test_layers import put_layer, wait_until

TEXT = {"act": "read", "name": "both.txt"}


def put_both(site: CodeSite, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Contents of two layers that share a file: one by URL, one from S3."""
    first = make_zip({"both.txt": "url", "python/by_url.py": "WORD = 'url'"})
    second = make_zip({"both.txt": "s3", "python/by_s3.py": "WORD = 's3'"})
    site.objects[BUCKET, f"{name}.zip", ""] = second
    return by_url(site.put_file(f"/{name}.zip", first), first), by_s3(f"{name}.zip")


def test_two_functions_share_a_layer_of_a_url_and_one_of_s3_in_their_own_orders(
    fetching: Invoker, site: CodeSite
) -> None:
    one, other = put_both(site, "shared")
    url, s3 = put_layer(fetching, **one), put_layer(fetching, **other)
    inside = put_layer(fetching, inline={"both.txt": "inside"})
    orders = [([url, inside, s3], "s3"), ([s3, inside, url], "url")]
    for layers, wanted in orders:
        arn = fetching.put("layered", layers=layers)
        answer = fetching(arn, TEXT)
        assert answer.value == {"text": wanted}
        for word in ("url", "s3"):
            loaded = fetching(arn, {"act": "load", "name": f"by_{word}"}).value
            assert loaded["word"] == word


def test_code_and_layers_of_every_source_make_one_function(
    fetching: Invoker, site: CodeSite
) -> None:
    content = make_zip({"app.py": "import word\ndef handler(event, context):\n return word.WORD\n"})
    layer = put_layer(fetching, inline={"python/word.py": "WORD = 'inside'"})
    url = put_layer(fetching, **put_both(site, "mixed")[0])
    site.objects[BUCKET, "code.zip", ""] = content
    arn = fetching.put(layers=[url, layer], code=by_s3("code.zip"))
    assert fetching(arn).value == "inside"


def test_a_layer_that_is_made_again_with_another_source_rolls(
    fetching: Invoker, site: CodeSite
) -> None:
    """And no request fails meanwhile."""
    url, s3 = put_both(site, "again")
    changed = make_zip({"both.txt": "changed"})
    site.objects[BUCKET, "again.zip", "v2"] = changed
    sources = [
        (url, "url"),
        (s3, "s3"),
        ({**s3, "s3ObjectVersion": "v2"}, "changed"),
        (by_url(site.put_file("/changed.zip", changed), changed), "changed"),
    ]
    layer, name = fetching.new_name(), fetching.new_name()
    texts: list[Any] = []
    for number, (content, text) in enumerate(sources):
        manifest = build_layer(layer, 1, **content)
        if number and fetching.target.name == "cluster":
            fetching.target.delete_object(manifest)
        fetching.target.put_object(manifest)
        arn = fetching.target.put(name, "layered", layers=[{"name": layer, "version": 1}])
        texts.append({"text": text})
        answers = wait_until(fetching, arn, TEXT, texts[-1])
        assert answers[-1] == texts[-1]
        assert [answer for answer in answers if answer not in texts] == []


def test_a_layer_that_is_not_what_its_digest_says_is_not_used(
    fetching: Invoker, site: CodeSite
) -> None:
    good = put_layer(fetching, inline={"both.txt": "good"})
    url = site.put_file("/other-layer.zip", make_zip({"both.txt": "other"}))
    bad = put_layer(fetching, **by_url(url + "?token=t0ken", b"expected"))
    answer = fetching(fetching.put("layered", layers=[good, bad]), TEXT)
    digest = hashlib.sha256(b"expected").hexdigest()
    expect_invalid_code(answer, "layer 2 of 2", "SHA-256", digest)
    assert "t0ken" not in answer.value["errorMessage"]


def test_f19_a_layer_from_an_address_of_the_cluster_is_refused_in_words(
    fetching: Invoker, site: CodeSite
) -> None:
    site.redirects["/away-layer"] = "http://169.254.169.254/latest"
    refused = {
        "https://169.254.169.254/latest/meta-data": "a metadata service's address",
        "http://10.96.0.1/": "plain http only from hosts",
        "https://10.96.0.1/": "a private address",
        f"{site.url}/away-layer": "redirects to another host (169.254.169.254)",
    }
    for url, words in refused.items():
        layer = put_layer(fetching, url=url, sha256="0" * 64)
        expect_invalid_code(
            fetching(fetching.put("layered", layers=[layer])), words, "layer 1 of 1"
        )


def test_f11_a_layer_that_appears_later_is_used(fetching: Invoker, site: CodeSite) -> None:
    layer = put_layer(fetching, **by_s3("late-layer.zip"))
    arn = fetching.put("layered", layers=[layer])
    expect_invalid_code(fetching(arn), "layer 1 of 1", "answered 404 Not Found: NoSuchKey")
    site.objects[BUCKET, "late-layer.zip", ""] = make_zip({"both.txt": "here"})
    assert wait_until(fetching, arn, TEXT, {"text": "here"})[-1] == {"text": "here"}


def test_f22_credentials_for_a_layer_are_nowhere_to_be_seen(
    fetching: Invoker, site: CodeSite
) -> None:
    layer = put_layer(fetching, **put_both(site, "secret")[1])
    name = fetching.new_name()
    arn = fetching.target.put(name, "looking", layers=[layer])
    answer = fetching(arn, LogType="Tail")
    assert not answer.is_error
    seen = answer.payload.decode() + answer.tail + fetching.target.read_log(name)
    for secret in (ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, "KUBELAMBDA_S3"):
        assert secret not in seen
