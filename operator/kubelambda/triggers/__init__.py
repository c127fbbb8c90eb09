"""Event sources: poll, filter, batch, invoke, settle.

Contract: an adapter implements one small interface and no more. Empty until the first
event source exists.
"""
