"""How replicas agree: which controller leads, which gateways there are and who owns a function.

Contract: pure decisions over Leases, heartbeats and views. ``controller.process`` and
``gateway.peers`` read and write them.
"""
