"""
The commands: C{jetctl}, one file for each thing that it does.
"""
