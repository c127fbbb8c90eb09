"""Decisions: what to do, never the doing of it.

Contract: imports the standard library only. No clock, random number, environment variable, file or
socket is read in a decision: they come in as arguments, and plans, settlements and states go out as
values. What carries a decision out lives in ``gateway``, ``controller``, ``dispatch`` and
``triggers``.
"""
