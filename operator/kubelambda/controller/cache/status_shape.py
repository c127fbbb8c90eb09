"""What of an object's status can be relied on: hands and former releases may have written it.

Contract: pure. A field without the shape that the controller itself gives it is as if it were
absent, so it is written anew; what the controller never writes is left alone.
"""

from collections.abc import Callable, Mapping
from typing import Any

Shape = Callable[[Any], bool]

CANNOT_BE_READ = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading an object without the shape of its kind may raise."""


def keep_shapely(status: Any, shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """``status`` without the fields that have another shape than ``shapes`` says."""
    if not isinstance(status, Mapping):
        return {}
    return {key: value for key, value in status.items() if key not in shapes or shapes[key](value)}


def is_text(value: Any) -> bool:
    """A string."""
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """An integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_list_of(**fields: Shape) -> Shape:
    """A list of maps that have these fields; more are allowed."""
    is_item = is_map_of(**fields)
    return lambda value: isinstance(value, list) and all(is_item(one) for one in value)


def is_map_of(**fields: Shape) -> Shape:
    """A map that has these fields; more are allowed."""
    return lambda value: (
        isinstance(value, Mapping)
        and all(key in value and is_shape(value[key]) for key, is_shape in fields.items())
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_optional_text_in(*keys: str) -> Shape:
    return lambda value: all(isinstance(value.get(key, ""), str) for key in keys)


_IS_LAYER = is_list_of(name=is_text, version=is_number)
_HAS_LAYER_TEXTS = _is_optional_text_in(
    "arn", "codeSha256", "fetchedFrom", "s3Bucket", "s3Key", "s3ObjectVersion"
)
_IS_CONDITION = is_list_of(type=is_text, status=is_text, lastTransitionTime=is_text)
_HAS_CONDITION_TEXTS = _is_optional_text_in("reason", "message")


def _are_conditions(value: Any) -> bool:
    return _IS_CONDITION(value) and all(_HAS_CONDITION_TEXTS(one) for one in value)


def _are_layers(value: Any) -> bool:
    return _IS_LAYER(value) and all(_HAS_LAYER_TEXTS(one) for one in value)


FUNCTION_STATUS: Mapping[str, Shape] = {
    "codeSha256": is_text,
    "conditions": _are_conditions,
    "imageConfig": is_map_of(
        entryPoint=_is_texts,
        command=_is_texts,
        workingDirectory=is_text,
        digest=is_text,
        observedGeneration=is_number,
    ),
    "keySecretName": is_text,
    "layers": _are_layers,
    "observedGeneration": is_number,
    "resolvedImageUri": is_text,
    "revision": is_text,
    "runtimeImage": is_text,
}
LAYER_STATUS: Mapping[str, Shape] = {
    "codeSha256": is_text,
    "codeSize": is_number,
    "conditions": _are_conditions,
    "layerName": is_text,
    "layerVersionArn": is_text,
    "observedGeneration": is_number,
}
