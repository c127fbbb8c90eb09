"""One LambdaFunction: from its spec to the objects that serve it and to its status.

Contract: a reconcile observes, plans and carries out, in this order; planning is pure, and only
differences are written. ``observer`` reads; ``plan``, ``object_plan``, ``function_problem``,
``render`` and ``function_status`` decide; ``lambda_function`` and the writers that it calls write.
"""
