"""The operator: from custom resources to Deployments, key Secrets and NetworkPolicies.

Contract: the only importer of kopf. Level-based: one ``reconcile`` for create, update, resume and
timer, safe to repeat, writing only differences. Never on the path of an invocation; never fetches
what a tenant names; never reads Secrets.
"""
