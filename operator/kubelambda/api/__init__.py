"""The custom resources as pydantic models, and the generator of their CRDs.

Contract: imports pydantic and the standard library only (``crd`` also yaml, to write files); one
file per kind under ``v1alpha1``. The checked-in ``crds/`` and the chart's copies are written from
here (``make crds``). A rule that an API server cannot check (a referenced object is missing)
belongs to ``controller``, not here.
"""
