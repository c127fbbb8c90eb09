"""Limits and numbers: concurrency, environments of a function, rates, limits of clients.

Contract: pure decisions; counts and times come in as arguments.
"""
