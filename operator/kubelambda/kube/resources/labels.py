"""Labels, annotations and names by which the installation's objects find each other.

Contract: labels carry uids and hashes only, so that no user's name becomes a selector.
"""

FUNCTION_UID = "kubelambda.io/function-uid"
REVISION = "kubelambda.io/revision"
NETWORK = "kubelambda.io/network"
LEADER = "kubelambda.io/leader"
MANAGED_BY = "app.kubernetes.io/managed-by"

NETWORK_DEFAULT = "default"
MANAGER = "kubelambda"
MANAGED_SELECTOR = f"{MANAGED_BY}={MANAGER}"

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
VICTIM_COST = "-100"

FUNCTION_CONTAINER = "function"
