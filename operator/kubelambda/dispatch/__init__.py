"""Asynchronous invocations: lease, invoke through the gateway, settle.

Contract: acknowledges nothing before its successor is durable. What becomes of a run is decided in
``core.asynchronous.settle``; where events wait is a driver in ``stores``.
"""
