"""The data plane's front door: the AWS Invoke API outside, the link to agents inside.

Contract: terminates invocations, counts concurrency, hands events to environments. Never writes a
Kubernetes object and never imports ``kubernetes`` or kopf, not even indirectly. Everything that
arrives, from clients and from function pods alike, is hostile until checked.
"""
