"""Asynchronous events: their envelope, the order in which they run, and how they are settled.

Contract: pure decisions and the port ``Queue``. The drivers of the port are in ``stores``; the
dispatcher (``dispatch``) carries decisions out.
"""
