"""Local mode's door for objects: the part of the Kubernetes API that our clients use.

Contract: on the public listener, which is on loopback only. ``guard`` refuses what a page of
another site can make a browser send. What is written goes into the store (``objects.sqlite``);
objects of YAML files are read-only here. Nothing of a cluster is imitated beyond the objects.
"""
