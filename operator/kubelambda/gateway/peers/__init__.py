"""Other gateways: who they are, which of them owns a function, and how its invocations get there.

Contract: all gateways come to the same view of who owns what (``membership``, by the rules of
``core.coordination.membership``). An invocation is relayed to its function's owner once at most
(``router``), and never again once it may have been handed to an environment. What waits for an
owner that is gone is told so, by heartbeats or by the kernel. Environments and their counts are
the neighbouring room's: ``pools``.
"""
