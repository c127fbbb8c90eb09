"""The read model: which functions exist, as the data plane sees them.

Contract: gives ``core.model.function.Function`` values by namespace and name and tells of changes.
Never imports ``kubernetes`` (the gateway must stay small): it lists and watches over plain HTTP, or
reads the same YAML from files in local mode. Keeps its last good state while the API server is
away.
"""
