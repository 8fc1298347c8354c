"""
Who may come in, and where: implementations of L{jetjstp.interfaces.IAuthPolicy},
and the listeners of a command line.
"""
