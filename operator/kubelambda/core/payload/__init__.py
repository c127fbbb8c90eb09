"""Payloads of invocations: whether they are JSON, and the message for the caller if they are not.

Contract: pure; large payloads are checked in slices, so that an event loop never waits long.
"""
