"""What the controller knows of the cluster: kopf's watches and our own lists fill one ``Store``.

Contract: what is kept are ``records``, never whole manifests; nothing here writes to the API
server.
"""
