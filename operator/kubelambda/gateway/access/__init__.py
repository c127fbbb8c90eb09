"""Who sends a request: it is authenticated before any application of the public listener sees it.

Contract: ``authenticator`` is the port and its driver of today, ``authentication`` puts it in front
of the applications. What a caller may do is decided by ``core.access``, which each operation asks.
"""
