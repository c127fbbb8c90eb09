"""Group ``kubelambda.io``, version ``v1alpha1``: one module per kind, and their larger parts.

Contract: models admit exactly what an API server with our CRDs admits. ``reason`` loads no
pydantic, since gateways read it.
"""
