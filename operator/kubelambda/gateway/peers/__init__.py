"""The other gateways: who owns which function, and how requests reach the owner (DESIGN 3.3)."""
