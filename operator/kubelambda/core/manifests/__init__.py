"""Manifests of Kubernetes objects: their revision, and whether what is there still matches them."""
