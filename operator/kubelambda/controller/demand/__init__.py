"""What gateways report: the demand for each function, and the state of its environments.

Contract: takes reports in and answers questions about them; decides nothing and writes nothing.
Reports expire, and silence is kept apart from the news that no gateway is alive.
"""
