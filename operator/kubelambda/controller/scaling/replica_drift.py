"""The replicas of Deployments, kept as the scaler left them (FAULTS F33).

Contract: lives on one event loop; no I/O. Remembers what each Deployment asked for when the scaler
had set it last. Replicas that somebody else has set are to be put back to that; after a restart of
this process nothing is remembered, and environments too many go after the idle time like others.
"""

from collections.abc import Iterable

from kubelambda.controller.records.deployment_record import DeploymentRecord


class ReplicaDrift:
    """Knows what the scaler asked for, by the Deployment's uid."""

    def __init__(self) -> None:
        self._own: dict[str, int] = {}

    def find_edited(self, deployments: Iterable[DeploymentRecord]) -> dict[str, dict[str, int]]:
        """By function uid and revision: replicas to put back, which somebody else has changed.

        ``deployments`` are all that there are: what is not among them is forgotten.
        """
        edited: dict[str, dict[str, int]] = {}
        own: dict[str, int] = {}
        for one in deployments:
            kept = (
                self._own.get(one.uid, one.replicas) if one.has_foreign_replicas else one.replicas
            )
            own[one.uid] = kept
            if kept != one.replicas:
                edited.setdefault(one.function_uid, {})[one.revision] = kept
        self._own = own
        return edited
