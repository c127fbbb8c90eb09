"""How many environments each function has: from demand to Deployments, replicas and direct pods.

Contract: one evaluation goes ``snapshot_builder`` -> ``decider`` -> ``actuator``; the first two do
no I/O. ``core.capacity`` decides: ``scaling.plan_scaling`` whether a cold start is needed, and
``preemption`` who makes room. This package remembers what these need of the past, limits the rate
of starts, and writes. ``demand`` knows what gateways report.
"""
