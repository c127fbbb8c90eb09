"""Packages over HTTP: uploads, downloads by agents, and what this gateway keeps of them.

Contract: the package store (a driver in ``stores``) holds every package; ``package_cache`` holds
files of those that were fetched lately, and may lose them. An agent gets only packages that its
function names. ``core.packages`` decides whether a zip is accepted: ``zip_check`` looks at its
content, ``store.check_content`` at its SHA-256. ``package_collector`` deletes what nothing names.
"""
