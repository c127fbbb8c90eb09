"""Asynchronous events: their envelope, the order in which they run, and what becomes of them.

Contract: pure decisions and the port ``Queue``; ``stores`` has its drivers, ``dispatch`` acts.
"""
