"""What passes between our processes: formats, their limits, and the keys that sign them.

Contract: bytes and documents in, values out. Every format has a version and tolerates members that
it does not know (docs/formats.md); every number that another process sent is read within bounds.
"""
