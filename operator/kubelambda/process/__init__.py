"""What every process role needs to live and end well: supervised tasks, signals,
and connections that notice when the other end is gone.

Contract: knows nothing of functions, events or Kubernetes. A task of ours that ends unexpectedly is
logged and started again, or the process says that it is not ready; nothing dies in silence.
"""
