"""What passes between our processes: formats, their limits, and the keys that sign them.

Contract: bytes and documents in, values out. Every format has a version and tolerates members that
it does not know (docs/formats.md). Every value that another process has sent is checked before it
is used (``checked_values``).
"""
