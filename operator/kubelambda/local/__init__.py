"""Local mode: the gateway in one process with function processes as its children.

Contract: the same gateway, link and agent as on a cluster; only where objects come from (YAML
files) and who starts environments (child processes) differ. What it cannot isolate is listed in
docs/limits.md.
"""
