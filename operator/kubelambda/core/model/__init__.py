"""What a function is, how a caller names it, and how one invocation of it can end.

Contract: values and their digests. ``catalog`` builds them from custom resources. Nothing here
knows of Kubernetes but the shape of an object's status.
"""
