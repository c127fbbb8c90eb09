"""What keeps an object from being Ready, and the conditions that say so.

Contract: pure; the same for LambdaFunctions and LambdaLayers.
"""
