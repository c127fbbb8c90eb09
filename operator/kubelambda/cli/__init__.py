"""The command ``kubelambda``: process roles and the user's commands.

Contract: parses arguments, builds settings, calls one entry point; no behaviour of its own.
"""
