"""What the controller remembers of each object: small values, one file for each kind.

Contract: pure. A record is built on receipt and holds what reconcilers read, never a whole
manifest, code, or the value of an environment variable.
"""
