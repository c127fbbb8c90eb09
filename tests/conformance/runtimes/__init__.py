"""Conformance of every runtime: one set of scenarios, each in every language.

Contract: a row is a language with its handlers in ``sources/<language>``, a column a test; both
targets of ``lambda_api`` serve. Handlers that must be compiled are compiled here. A row that cannot
run is skipped with the reason, and all of those are printed at the end; with
KUBELAMBDA_ALL_RUNTIMES=1 (`make test-runtimes`) a language that is missing is a failure.
"""
