"""The port to our objects, and its drivers: a cluster's API server, and a SQLite file.

Contract: plain manifests in and out, with the errors of ``objects.errors``. Every driver passes the
suite in ``tests/conformance/objects``. Knows no policy: nothing here decides what to write.
"""
