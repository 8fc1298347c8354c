"""
What joins the systems: the services that C{twistd} runs, assembled from what
applications can embed as well.
"""
