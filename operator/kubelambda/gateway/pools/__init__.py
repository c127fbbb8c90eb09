"""Pools: the environments of each function, the requests that wait for them, and their counts.

Contract: one pool for each function object that this gateway owns (``pools``). Within a pool,
``assigner`` decides which environment gets which request; ``slots`` counts concurrency; what is
wanted is reported to the controller (``demand_reporter``). Nothing here starts an environment or
opens a connection to one: the controller does the first, ``link`` the second. Lives on one event
loop.
"""
