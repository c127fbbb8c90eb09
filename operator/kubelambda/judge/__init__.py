"""What is to become of an object: decisions that a cluster's controller and local mode share.

Contract: pure; no clock, no I/O. From what is wanted and what is there to a problem, or to what
has to be written: numbers and snapshots of published versions, what aliases mean, conditions.
Whoever carries a decision out belongs to ``controller`` or ``local``.
"""
