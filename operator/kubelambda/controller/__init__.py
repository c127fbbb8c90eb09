"""The operator: from custom resources to Deployments, key Secrets and NetworkPolicies.

Contract: the only importer of kopf. Level-based: one ``reconcile`` serves create, update, resume
and timer, is safe to repeat, and writes only differences. Never on the path of an invocation; never
fetches an address that a tenant has chosen; never reads Secrets.
"""
