"""The Invoke operations: from an HTTP request to an invocation, and from its outcome to the answer.

Contract: two applications of ``gateway.http``. ``invoke_api`` serves clients as AWS's API does;
``internal_api`` serves other gateways and dispatchers, whose requests must be signed. Whatever can
be refused is refused before anything runs. Who runs the invocation is the business of ``peers``
and ``pools``.
"""
