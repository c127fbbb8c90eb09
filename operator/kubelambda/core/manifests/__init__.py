"""Manifests of Kubernetes objects: their revision, and whether the object still matches them.

Contract: pure; manifests are built in ``kube.resources``.
"""
