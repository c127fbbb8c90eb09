"""Container images of functions: their names, and what a container of them runs.

Contract: pure; whoever asks a registry hands in what it answered, which is never trusted.
"""
