"""What every process role needs to live, to talk to the other roles and to end well: supervised
tasks, signals, signed requests, and connections that notice when the other end is gone.

Contract: knows nothing of functions, events or Kubernetes. A task of ours that ends unexpectedly is
logged and started again, or the process says that it is not ready; nothing dies in silence. What
our processes send one another is signed and read in one way (``signatures``, ``internal_client``).
"""
