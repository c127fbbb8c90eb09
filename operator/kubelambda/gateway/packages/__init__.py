"""Packages over HTTP: uploads, downloads by agents, and what this gateway keeps of them.

Contract: the package store (a driver in ``stores``) holds every package; ``package_cache`` holds
files of those that were fetched lately, and may lose them. An agent gets only packages that its
function names. Whether a package may be used at all is judged in ``core.packages``.
"""
