"""
The services that C{twistd} runs, assembled from what applications can embed as
well.
"""
