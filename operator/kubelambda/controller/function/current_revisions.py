"""What serves each function now, so that environments can be made the moment somebody waits.

Contract: the inputs of a rendering are remembered, not the manifests: they are rendered anew at
each ``find`` (well under a millisecond), which keeps a thousand functions small. A function that
gets a problem later keeps the revision that last served it, as its status does. Lives on one event
loop; no I/O.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kubelambda.controller.function.render import Platform, Rendered, render_function
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.runtime_record import RuntimeRecord
from kubelambda.core.images.config import ResolvedImage
from kubelambda.core.model.layer import Layer
from kubelambda.core.model.status import NO_STATUS


@dataclass(frozen=True, slots=True)
class RenderInputs:
    """All that the rendering of one function depends on, the installation's settings aside."""

    record: FunctionRecord
    runtime: RuntimeRecord | ResolvedImage
    code_version: str = ""
    layers: Sequence[Layer] = ()

    def render(self, platform: Platform) -> Rendered:
        """The function's objects."""
        return render_function(self.record, self.runtime, platform, self.code_version, self.layers)


class CurrentRevisions:
    """By the uid of each function that could be rendered: its revision and the inputs of that."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._known: dict[str, tuple[str, RenderInputs]] = {}

    def put(self, revision: str, inputs: RenderInputs) -> None:
        """``revision`` serves the function from now on; its key Secret exists."""
        record = replace(inputs.record, status=NO_STATUS)
        self._known[record.uid] = (revision, replace(inputs, record=record))

    def revision_of(self, uid: str) -> str:
        """The revision that serves the function; empty if this process does not know yet."""
        return self._known[uid][0] if uid in self._known else ""

    def find(self, uid: str) -> Rendered | None:
        """The objects of that revision; None if this process does not know yet."""
        known = self._known.get(uid)
        return known[1].render(self._platform) if known is not None else None

    def forget(self, uid: str) -> None:
        """The function has gone."""
        self._known.pop(uid, None)
