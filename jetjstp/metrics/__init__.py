"""
What a process does, in numbers: for Prometheus, as states of the bus, and for
programs.
"""
