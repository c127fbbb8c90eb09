"""LambdaLayers, and whether the packages that functions and layers name were uploaded.

Contract: the controller has no way to the package store; it asks gateways (docs/adr/0004).
"""
