"""What a cluster's controller does about objects, for those that were applied to local mode.

Contract: the controller's own reconcilers publish versions and judge aliases
(``controller.versions``); only what has a function served is local mode's own. Lives on one event
loop.
"""
