"""The NetworkPolicy of each namespace that has functions.

Contract: one policy per namespace, the same for all of its functions.
"""
