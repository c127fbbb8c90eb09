"""Pools: the environments of each function, the requests that wait for them, and their counts.

Contract: one pool for each function object that this gateway owns; lives on one event loop.
"""
