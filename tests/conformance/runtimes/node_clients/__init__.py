"""Runs handlers on local mode's Node client and on AWS's, over plain HTTP, without a gateway."""
