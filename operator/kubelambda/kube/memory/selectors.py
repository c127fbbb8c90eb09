"""Label selectors, as far as controllers write them.

Contract: pure. ``key=value``, ``key!=value``, ``key`` and ``!key``, joined by commas.
"""

from collections.abc import Mapping


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether an object with ``labels`` is selected; an empty selector selects everything."""
    return all(_meets(part.strip(), labels) for part in selector.split(",") if part.strip())


def _meets(requirement: str, labels: Mapping[str, str]) -> bool:
    if "!=" in requirement:
        key, _, value = requirement.partition("!=")
        return labels.get(key) != value
    if "=" in requirement:
        key, _, value = requirement.replace("==", "=").partition("=")
        return labels.get(key) == value
    if requirement.startswith("!"):
        return requirement[1:] not in labels
    return requirement in labels
