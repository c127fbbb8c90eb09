"""Event sources: poll, filter, batch, invoke, settle.

Contract: an adapter implements the small interface of ``base`` and no more. Empty until the first
event source exists.
"""
