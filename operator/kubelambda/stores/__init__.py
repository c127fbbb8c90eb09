"""Drivers of the ports Queue and PackageStore: jetstream, sqlite, memory.

Contract: a driver passes the conformance suite of its port and knows nothing of invocations. Empty
until asynchronous invocation needs it.
"""
