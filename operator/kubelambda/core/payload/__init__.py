"""Payloads of invocations: whether they are JSON, and what to say where they are not."""
