"""How many environments each function has: demand in, pods and replicas out (DESIGN 3.4).

Contract: decisions are those of ``core.capacity``; this room keeps the counts and writes.
"""
