"""
What can be chosen by name on a command line.

A file apart from the commands: C{twistd --help} does not load it.
"""

from jetjstp.policies.cred import CredFactory
from jetjstp.policies.usersfile import UsersFileFactory
from jetjstp.storage.memory import MemoryStorageFactory
from jetjstp.storage.redis import RedisStorageFactory
from jetjstp.storage.sqlite import SqliteStorageFactory

cred = CredFactory()
usersFile = UsersFileFactory()
memoryStorage = MemoryStorageFactory()
redisStorage = RedisStorageFactory()
sqliteStorage = SqliteStorageFactory()
