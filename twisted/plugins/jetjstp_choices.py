"""
What can be chosen by name on a command line.

A file apart from the commands: C{twistd --help} does not load it.
"""

from jetjstp.policies.usersfile import UsersFileFactory

usersFile = UsersFileFactory()
