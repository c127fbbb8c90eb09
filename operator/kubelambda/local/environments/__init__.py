"""The environments of local mode: agents as child processes of this one.

Contract: starts and ends processes, and gives each its directories, mounts and variables. Which
functions there are, and whether one can run here, is decided outside.
"""
