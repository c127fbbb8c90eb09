"""Asynchronous invocations: lease, invoke through the gateway, settle.

Contract: acknowledges nothing before its successor is durable. Empty until the queue exists.
"""
