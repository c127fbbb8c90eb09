"""How many: invocations, environments, and those that make room for others.

Contract: pure decisions over counts and times that come in (DESIGN 3.4 and 4.2).
"""
