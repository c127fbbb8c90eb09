"""AWS's own SDKs for other languages against a running installation.

Contract: each client is a small program in ``sources`` that makes the call its command line names
and prints, as JSON, what its SDK made of the answer. ``hack/client-sdks`` fetches and builds them;
``make test-clients`` runs them, a plain ``make test`` names them as not run.
"""
