"""The data plane: it takes invocations from clients and hands them to environments over the link.

Contract: terminates invocations, counts concurrency, hands events to environments. Never writes a
Kubernetes object and never imports ``kubernetes`` or kopf, not even indirectly. Everything that
arrives, from clients and from function pods alike, is taken for hostile until it is checked.

Its folders, from the outside inwards: ``http`` (connections and requests), ``invoke`` and
``packages`` (what requests ask for), ``peers`` (which gateway owns a function), ``pools`` (the
environments of a function and who gets them), ``link`` (the connections of agents).
"""
