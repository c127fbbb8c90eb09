"""How many environments each function has: from demand to Deployments, replicas and direct pods.

Contract: one evaluation goes ``snapshot_builder`` -> ``decider`` -> ``actuator``; the first two do
no I/O. Decisions are those of ``core.capacity``; this room remembers what they need of the past,
limits the rate of starts, and writes. ``demand`` knows what gateways report.
"""
