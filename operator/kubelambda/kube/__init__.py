"""The Kubernetes API: client, resource paths and pure manifest builders.

Contract: the only importer of ``kubernetes``. Knows no policy: what to write and when is decided in
``core`` and ``controller``. Library exceptions end here and come out as ``kube.errors``.
"""
