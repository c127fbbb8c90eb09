"""Who calls, what is asked for, and whether it is allowed.

Contract: values and decisions. Every operation of the public listener asks one ``Authorizer`` with
a principal, an action and a resource, and does nothing unless the answer is ALLOWED. How a request
comes to its principal is I/O and the business of ``gateway.access``. Keys of our own processes are
something else: ``core.wire.key_ring``.
"""
