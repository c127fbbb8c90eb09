"""What the controller knows of the cluster: watches in, small records out.

Contract: records hold what reconcilers read, never whole manifests; nothing here writes to the API
server.
"""
