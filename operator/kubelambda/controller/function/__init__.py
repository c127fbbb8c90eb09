"""One LambdaFunction: from its spec to the objects that serve it and to its status.

Contract: planning is pure; what is written are differences only.
"""
