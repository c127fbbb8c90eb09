"""Drivers of the ports Queue (jetstream, sqlite, memory) and PackageStore (jetstream, directory).

Contract: a driver passes the conformance suite of its port (tests/conformance) and knows nothing of
invocations.
"""
