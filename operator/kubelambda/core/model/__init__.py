"""What a function is, and how one invocation of it can end.

Contract: values and their digests, built by ``catalog`` and ``api``; nothing here decides.
"""
