"""ConfigMap and Secret: Kubernetes' own kinds that functions take code and values from.

Contract: as in ``api.model``; the verdict is that of the API server, as far as functions need it.
Used where no API server judges them: local mode.
"""

import base64
import binascii
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kubelambda.api.model import ApiModel, ObjectMeta
from kubelambda.api.rules import Rule, TransitionRule

BYTES_MAX = 1_048_576
Texts = Annotated[dict[str, str], Field(max_length=1_000)]


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


BASE64 = Rule(
    cel="true",
    message="every value is base64; plain text of a Secret goes into stringData",
    check=lambda values: all(_is_base64(value) for value in values.values()),
)
FIXED = TransitionRule(
    cel="true",
    message="field is immutable when `immutable` is set",
    check=lambda new, old: not old.immutable or new.content == old.content,
)


class ConfigMap(ApiModel):
    """Texts by their keys."""

    api_version: Literal["v1"]
    kind: Literal["ConfigMap"]
    metadata: ObjectMeta
    data: Texts | None = None
    binary_data: Annotated[Texts, BASE64] | None = None
    immutable: bool | None = None

    TRANSITIONS: ClassVar[tuple[TransitionRule, ...]] = (FIXED,)

    @property
    def content(self) -> tuple[object, ...]:
        """What ``immutable`` makes immutable."""
        return (self.immutable, self.data, self.binary_data)


class Secret(ApiModel):
    """Values that nothing prints, by their keys; ``stringData`` is taken in and never given out."""

    api_version: Literal["v1"]
    kind: Literal["Secret"]
    metadata: ObjectMeta
    data: Annotated[Texts, BASE64] | None = None
    string_data: Texts | None = None
    type: str = "Opaque"
    immutable: bool | None = None

    TRANSITIONS: ClassVar[tuple[TransitionRule, ...]] = (
        FIXED,
        TransitionRule(
            cel="true",
            message="type: field is immutable",
            check=lambda new, old: new.type == old.type,
        ),
    )

    @property
    def content(self) -> tuple[object, ...]:
        """What ``immutable`` makes immutable; None where plain text may change it."""
        return (self.immutable, self.data, self.string_data)
