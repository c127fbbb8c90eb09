"""Who does what: the leader among controllers, the owner of a function among gateways.

Contract: pure decisions over views and Leases; ``gateway.peers`` and ``controller.process`` act on
them.
"""
