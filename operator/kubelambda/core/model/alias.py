"""An alias of a function: a name that callers give, and the version or versions that it means.

Contract: pure values. Source: spec/lambda.md section 7.3: the choice between two versions is made
anew for each request, at random.
"""

from dataclasses import dataclass

from kubelambda.core.model.function import FunctionRef


@dataclass(frozen=True, slots=True)
class Alias:
    """One LambdaAlias; ``ref`` and ``uid`` are its object's."""

    ref: FunctionRef
    uid: str
    created: str
    function_name: str
    name: str
    version: str
    """A number, or $LATEST."""
    weights: tuple[tuple[str, float], ...] = ()
    """Of other versions; ``version`` gets the rest."""

    def choose(self, chance: float) -> str:
        """The version that serves one request; ``chance`` is random, at least 0 and below 1."""
        for version, weight in self.weights:
            if chance < weight:
                return version
            chance -= weight
        return self.version
