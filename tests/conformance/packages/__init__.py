"""Conformance of the port PackageStore: every driver passes the same rules."""
