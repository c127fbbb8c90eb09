"""Conformance of the Lambda API and of the Runtime API: one suite, against every way to run us.

Contract: each test is a rule of spec/lambda.md, appendix C, named by its number; it knows nothing
of the installation but ``targets.Target``. By default the target is local mode as a user starts it;
``LAMBDA_TARGET=cluster`` takes the cluster of .cluster/kubeconfig. A cell that a target cannot have
is skipped with the reason, and all of those are printed at the end.
"""
