"""Drivers of the port Queue: jetstream, sqlite, memory (PackageStore follows).

Contract: a driver passes the conformance suite of its port and knows nothing of invocations.
"""
