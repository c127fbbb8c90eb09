"""Replicas that somebody other than the scaler has set, and what they were before (F33).

Contract: lives on one event loop; no I/O. Remembers the replicas that the scaler last set on each
Deployment, to which others' changes are put back. After a restart nothing is remembered: surplus
environments are then removed after the idle time, like any others.
"""

from collections.abc import Iterable

from kubelambda.controller.records.deployment_record import DeploymentRecord


class ReplicaDrift:
    """Remembers the replicas that the scaler has set, by the uid of the Deployment."""

    def __init__(self) -> None:
        self._own: dict[str, int] = {}

    def find_edited(self, deployments: Iterable[DeploymentRecord]) -> dict[str, dict[str, int]]:
        """Replicas to put back, by the uid of the function and the revision.

        ``deployments`` are all that exist: what is remembered of any other is dropped.
        """
        edited: dict[str, dict[str, int]] = {}
        own: dict[str, int] = {}
        for deployment in deployments:
            kept = (
                self._own.get(deployment.uid, deployment.replicas)
                if deployment.has_foreign_replicas
                else deployment.replicas
            )
            own[deployment.uid] = kept
            if kept != deployment.replicas:
                edited.setdefault(deployment.function_uid, {})[deployment.revision] = kept
        self._own = own
        return edited
