"""What is wrong with an object by its own manifest alone.

Contract: pure; for every kind that the controller reconciles.
"""
