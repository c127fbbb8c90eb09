"""Measurements on the cluster that is up: `make bench`. Never a pass or fail by time."""
