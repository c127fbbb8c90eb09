"""Decisions and formats: everything that can be computed without doing any I/O.

Contract: imports the standard library only. A decision never reads a clock, a random number, an
environment variable, a file or a socket: they come in as arguments, and plans, settlements and
states go out as values. ``gateway``, ``controller``, ``dispatch`` and ``triggers`` carry decisions
out. Ports that they use are in ``ports`` and beside their values (``asynchronous.queue``,
``packages.store``).
"""
