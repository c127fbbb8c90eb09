"""Logging, metrics and tracing set-up shared by all process roles.

Contract: never sees a payload, an environment value or a key; metric labels carry bounded names
only.
"""
