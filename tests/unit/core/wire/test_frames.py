"""The Python half of the link passes the vectors that the Go half passes."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubelambda.core.wire.frames import (
    BODY_BYTES_MAX,
    FrameDecoder,
    FrameType,
    ProtocolError,
    agent_proof,
    decode_control,
    decode_credit,
    encode_control,
    encode_credit,
    encode_frame,
    gateway_proof,
    is_epoch_proved,
    iter_body_frames,
    prove_epoch,
)
from kubelambda.core.wire.keys import (
    WeakMasterSecretError,
    derive_function_key,
    derive_key_secret_suffix,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "link.json").read_text(encoding="utf-8")
)


def _cases(*path: str) -> pytest.MarkDecorator:
    found: Any = VECTORS
    for key in path:
        found = found[key]
    return pytest.mark.parametrize("vector", found, ids=lambda vector: str(vector.get("name", "")))


def _payload(vector: dict[str, Any]) -> bytes:
    if "repeat" in vector:
        repeat = vector["repeat"]
        return str(repeat["prefix"] + repeat["text"] * repeat["count"]).encode()
    if "payload" in vector:
        return str(vector["payload"]).encode()
    return bytes.fromhex(vector["payloadHex"])


def _decoder(vector: dict[str, Any]) -> FrameDecoder:
    decoder = FrameDecoder()
    decoder.authenticated = vector["authenticated"]
    return decoder


def _pairs(frames: Iterable[tuple[int, str]]) -> list[tuple[int, bytes]]:
    return [(number, bytes.fromhex(payload)) for number, payload in frames]


def _bytewise(decoder: FrameDecoder, wire: bytes) -> Iterator[tuple[int, bytes]]:
    for position in range(len(wire)):
        yield from decoder.feed(wire[position : position + 1])


@_cases("frames")
def test_a_frame_looks_on_the_wire_as_the_vectors_say(vector: dict[str, Any]) -> None:
    wire = bytes.fromhex(vector["wire"])
    assert encode_frame(vector["type"], _payload(vector)) == wire
    decoder = FrameDecoder()
    decoder.authenticated = True
    assert list(decoder.feed(wire)) == [(vector["type"], _payload(vector))]


@_cases("credits")
def test_a_credit_is_four_bytes(vector: dict[str, Any]) -> None:
    wire = bytes.fromhex(vector["wire"])
    assert encode_credit(vector["bytes"]) == wire
    assert decode_credit(wire[5:]) == vector["bytes"]


def test_a_credit_of_another_size_is_refused() -> None:
    with pytest.raises(ProtocolError):
        decode_credit(b"\x00\x00\x01")


@_cases("streams")
def test_a_stream_is_cut_into_frames_however_it_arrives(vector: dict[str, Any]) -> None:
    wire = bytes.fromhex(vector["wire"])
    ignorable = _pairs(vector.get("ignorable", ()))
    for frames in (_decoder(vector).feed(wire), _bytewise(_decoder(vector), wire)):
        assert [frame for frame in frames if frame not in ignorable] == _pairs(vector["frames"])


@_cases("malformed")
def test_a_malformed_stream_is_refused_after_its_good_frames(vector: dict[str, Any]) -> None:
    wire = bytes.fromhex(vector["wire"])
    for frames in (_decoder(vector).feed(wire), _bytewise(_decoder(vector), wire)):
        for _ in range(vector["before"]):
            next(frames)
        with pytest.raises(ProtocolError):
            next(frames)


@_cases("limits")
def test_a_frame_over_its_limit_is_refused_from_its_header(vector: dict[str, Any]) -> None:
    header = vector["length"].to_bytes(4, "big") + bytes((vector["type"],))
    decoder = _decoder(vector)
    if not vector["accepted"]:
        with pytest.raises(ProtocolError):
            list(decoder.feed(header))
        return
    assert list(decoder.feed(header)) == []
    payload = bytes(vector["length"] - 1)
    assert list(decoder.feed(payload)) == [(vector["type"], payload)]


@_cases("controls", "good")
def test_a_control_payload_is_one_object_in_utf8(vector: dict[str, Any]) -> None:
    assert isinstance(decode_control(_payload(vector)), dict)


@_cases("controls", "bad")
def test_any_other_control_payload_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        decode_control(_payload(vector))


@_cases("proofs")
def test_proofs_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    arguments = (
        bytes.fromhex(vector["key"]),
        vector["gatewayNonce"],
        vector["agentNonce"],
        vector["uid"],
        vector["pod"],
    )
    assert agent_proof(*arguments) == vector["agentProof"]
    assert gateway_proof(*arguments) == vector["gatewayProof"]


@_cases("keys")
def test_keys_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    master = bytes.fromhex(vector["master"])
    uid, generation = vector["uid"], vector["keyGeneration"]
    assert derive_function_key(master, uid, generation).hex() == vector["key"]
    assert derive_key_secret_suffix(master, uid, generation) == vector["secretSuffix"]


@pytest.mark.parametrize("length", [0, 1, 31])
def test_a_short_master_secret_is_fatal(length: int) -> None:
    with pytest.raises(WeakMasterSecretError):
        derive_function_key(bytes(length), "uid", 1)


@pytest.mark.parametrize(
    ("length", "sizes"),
    [
        (0, []),
        (1, [1]),
        (BODY_BYTES_MAX, [BODY_BYTES_MAX]),
        (BODY_BYTES_MAX + 1, [BODY_BYTES_MAX, 1]),
    ],
)
def test_a_body_is_cut_into_frames_that_pass_the_limit(length: int, sizes: list[int]) -> None:
    decoder = FrameDecoder()
    decoder.authenticated = True
    wire = b"".join(iter_body_frames(FrameType.INVOKE_BODY, bytes(length)))
    assert [len(payload) for _, payload in decoder.feed(wire)] == sizes


def test_a_decoder_may_be_authenticated_between_two_frames() -> None:
    """What follows welcome in the same piece of the stream has the larger limits already."""
    decoder = FrameDecoder()
    large = bytes(5_000)
    seen = []
    for frame_type, payload in decoder.feed(
        encode_control(FrameType.WELCOME, {}) + encode_frame(FrameType.CONFIGURE, large)
    ):
        seen.append((frame_type, len(payload)))
        decoder.authenticated = True
    assert seen == [(FrameType.WELCOME, 2), (FrameType.CONFIGURE, 5_000)]


def test_a_gateways_word_for_an_epoch_is_for_that_epoch_by_that_key() -> None:
    key, proof = b"k" * 32, prove_epoch(b"k" * 32, 7)
    assert is_epoch_proved(key, 7, proof)
    for other_key, epoch, given in [
        (key, 8, proof),
        (b"x" * 32, 7, proof),
        (key, 7, ""),
        (key, 7, "ü"),
        (key, 7, proof.upper()),
    ]:
        assert not is_epoch_proved(other_key, epoch, given)
