"""The controller as a process: leadership, the queue of keys, and the workers that take them."""
