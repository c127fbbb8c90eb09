"""The link: agents dial in, prove that they hold their function's key, and become environments.

Contract: docs/link.md. Each link carries one event at a time; which event goes to which environment
is decided in ``gateway.pools``. Nothing that an agent sends is used before it has been checked, and
whatever breaks a rule ends that one link.

``connection`` joins the parts: ``upgrade`` tells links from HTTP, ``hello_decider`` chooses which
agents are welcome, ``environment`` stands for a welcome agent from then on.
"""
