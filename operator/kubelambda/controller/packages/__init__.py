"""Packages that functions and layers name: whether gateways have them; LambdaLayers."""
