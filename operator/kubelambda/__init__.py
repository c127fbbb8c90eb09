"""kubelambda: AWS Lambda functions on one's own Kubernetes.

One import package, one process role per command of the CLI. Layers, from the top:
``cli > local > controller | gateway | dispatch | triggers > catalog > kube | aws | stores >
telemetry | config > core | api``; import-linter holds them. See docs/architecture.md.
"""
