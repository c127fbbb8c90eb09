"""Why the pods of a function do not start: from what the cluster says to a ``Problem``.

Contract: pure. The words of the scheduler, the kubelet and the API server are quoted without the
parts that change from try to try, so that a status is not written again and again.
"""
