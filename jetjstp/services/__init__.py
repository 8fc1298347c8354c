"""
What joins the systems, for whoever runs them.
"""
