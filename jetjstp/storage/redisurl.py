"""
Where a Redis server is, and how it is told in a URL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["DEFAULT_PREFIX", "RedisAddress", "parseRedisUrl"]

DEFAULT_PREFIX = "jetjstp:session:"

FORMS = "write redis://HOST:PORT/NUMBER, rediss:// for TLS, or redis+unix:///PATH?db=NUMBER"


@dataclass(frozen=True)
class RedisAddress:
    """
    A data base of a Redis server.

    @ivar host: The host, if it is no UNIX socket.
    @ivar path: The UNIX socket.
    @ivar isTls: Whether TLS is spoken.
    @ivar username: Who logs in; with a password alone it is Redis' default user.
    @ivar password: The password, if there is one.
    @ivar number: Which of the data bases of the server.
    @ivar prefix: What all keys begin with.
    """

    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    isTls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    number: int = 0
    prefix: str = DEFAULT_PREFIX

    def __str__(self) -> str:
        """For people, without the password."""
        if self.path is not None:
            return f"redis+unix://{self.path}?db={self.number}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.isTls else 'redis'}://{host}:{self.port}/{self.number}"


def parseRedisUrl(url: str) -> RedisAddress:
    """
    Read C{redis://[[USER]:PASSWORD@]HOST[:PORT][/NUMBER]}, C{rediss://} for TLS, or C{redis+unix://[[USER]:PASSWORD@]
    /PATH}; behind a question mark C{db=NUMBER} and C{prefix=TEXT}. C{unix:} will do for C{redis+unix:}.

    @raise ValueError: It is no such URL; the message says what is wrong, and does not have the password.
    """
    # Nothing is quoted but parts that cannot hold a password.
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"the host or the port of the Redis URL cannot be read; {FORMS}") from None
    isUnix = parts.scheme in ("unix", "redis+unix")
    if not isUnix and parts.scheme not in ("redis", "rediss"):
        raise ValueError(f"this is not the URL of a Redis server; {FORMS}")
    if parts.fragment:
        raise ValueError("the Redis URL has a '#'; write %23 for one in a password")
    options = _options(parts.query)
    number = options.pop("db", None)
    path = unquote(parts.path)
    if isUnix:
        if host or port or not path.startswith("/"):
            raise ValueError("the UNIX socket of the Redis URL needs an absolute path: redis+unix:///PATH")
    elif path.strip("/"):
        if number is not None:
            raise ValueError("the Redis URL names the data base twice; leave db= away")
        number = path.strip("/")
    if number is not None and not (number.isascii() and number.isdecimal() and len(number) < 6):
        raise ValueError(f"the data base of the Redis URL must be a number, not {number!r}")
    return RedisAddress(
        host=host or "localhost",
        port=6379 if port is None else port,
        path=path if isUnix else None,
        isTls=parts.scheme == "rediss",
        username=unquote(parts.username) if parts.username else None,
        password=None if parts.password is None else unquote(parts.password),
        number=int(number or 0),
        prefix=options.pop("prefix", DEFAULT_PREFIX),
    )


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in ("db", "prefix"):
            raise ValueError(f"the Redis URL has an unknown option {name!r}; known are db and prefix")
        if name in options:
            raise ValueError(f"the Redis URL has the option {name!r} twice")
        options[name] = value
    return options
