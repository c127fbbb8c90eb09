"""Measurements: `make bench`, explained in docs/performance.md. Never a pass or fail by time.

Each module measures one subject, beside a floor of the same run, and gives rows of ``report``.
"""
