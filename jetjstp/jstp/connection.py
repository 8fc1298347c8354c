"""
A connection, of either side: one conversation over whatever transport it has
at the moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.jstp.applications import Application
from jetjstp.jstp.calling import Failed, Outcome, callEventHandler, invoke
from jetjstp.jstp.carrier import Carrier, Home
from jetjstp.jstp.errors import (
    ERR_INTERFACE_NOT_FOUND,
    ERR_INTERNAL_API_ERROR,
    ERR_INVALID_SIGNATURE,
    CallbackLost,
    ConnectionNotOpen,
)
from jetjstp.jstp.exchange import Answered, Exchange
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.messages import encodeList
from jetjstp.jstp.proxies import RemoteProxy
from jetjstp.jstp.session import Session
from jetjstp.rarefailures import logRarely

if TYPE_CHECKING:
    from jetjstp.jstp.clientside import ClientSide
    from jetjstp.jstp.offering import App

__all__ = ["Connection", "ConnectionEvent"]

ConnectionEvent = Literal[
    "call",
    "callback",
    "client",
    "close",
    "error",
    "event",
    "handshake",
    "heartbeat",
    "incomingMessage",
    "inspect",
    "messageRejected",
    "outgoingMessage",
    "reconnect",
    "reconnectAttempt",
    "sessionLost",
]

OBSERVABLE = frozenset(
    {
        "call",
        "callback",
        "event",
        "handshake",
        "heartbeat",
        "incomingMessage",
        "inspect",
        "messageRejected",
        "outgoingMessage",
    }
)
"""Events that tell what goes over the connection (section 11)."""

_H = TypeVar("_H", bound=Callable[..., Any])


class Connection(Carrier):
    """
    A connection to a server or to a client.

    It is made by L{jetjstp.jstp.net.connect} and the like, or by a L{Server}. It outlives its transport: what is called
    or emitted meanwhile is sent when the session is restored.

    Events: C{close()} when the transport is gone; C{client(session)} on a server when the session is there; on a client
    C{error(e)} if the server broke a rule, C{reconnectAttempt(transport, *address)}, C{reconnect(error or None)} and
    C{sessionLost(error)}, when the server does not know the session any more; and what goes over the connection:
    C{call(interface, method, args)}, C{callback(error, ok)}, C{event(interface, event, args)}, C{inspect(interface)},
    C{handshake(error, ok)}, C{messageRejected(message)}, C{incomingMessage(message)}, C{outgoingMessage(message)},
    C{heartbeat()}. Passwords and session ids are not in them.

    @ivar id: A number, unique in this process.
    @ivar session: L{None} before the handshake.
    @ivar username: Who logged in, L{None} if nobody did.
    @ivar application: What the other side can call here.
    @ivar remoteProxies: The interfaces that were inspected, by name.
    @ivar remoteAddress: The host of the other side, or the path of a UNIX socket; that of the last transport.
    @ivar handshakeDone: Whether there is a transport, and the session was agreed on.
    """

    events = OBSERVABLE | {"client", "close", "error", "reconnect", "reconnectAttempt", "sessionLost"}

    _log = Logger()

    side: ClientSide | None = None

    def __init__(self, home: Home, application: Application, step: int, limits: Limits, clock: IReactorTime) -> None:
        """For this package only."""
        super().__init__(home, step, limits, clock)
        self.session: Session | None = None
        self.username: str | None = None
        self.application = application
        self.remoteProxies: dict[str, RemoteProxy] = {}
        self.isOver = False
        self._ends: list[Deferred[None]] = []
        self._repeats: list[Deferred[None]] = []

    def __repr__(self) -> str:
        """Without the session."""
        return f"<Connection {self.id} with {self.remoteAddress}>"

    @overload  # type: ignore[override]  # narrower on purpose: only the names of our events
    def on(self, name: ConnectionEvent) -> Callable[[_H], _H]: ...

    @overload
    def on(self, name: ConnectionEvent, handler: _H) -> _H: ...

    def on(self, name: ConnectionEvent, handler: _H | None = None) -> _H | Callable[[_H], _H]:
        """Add a listener, see L{Emitter.on}."""
        self._isListened = self._isListened or name in OBSERVABLE
        return super().on(name) if handler is None else super().on(name, handler)

    @overload  # type: ignore[override]
    def once(self, name: ConnectionEvent) -> Callable[[_H], _H]: ...

    @overload
    def once(self, name: ConnectionEvent, handler: _H) -> _H: ...

    def once(self, name: ConnectionEvent, handler: _H | None = None) -> _H | Callable[[_H], _H]:
        """Add a listener for the next event of that name only."""
        self._isListened = self._isListened or name in OBSERVABLE
        return super().once(name) if handler is None else super().once(name, handler)

    # What users do

    def callMethod(self, interface: str, method: str, args: Sequence[Any] = ()) -> Deferred[list[Any]]:
        """
        Call a method of the other side.

        Cancelling forgets the answer; the method runs all the same.

        @param args: The arguments, in a list: what MDSF has, see L{jetjstp.jstp.mdsf.stringify}.
        @return: Fires with the results; fails with L{RemoteError}: what the method answered, or L{CallbackLost} if the
            connection was lost behind the call, so that nobody knows. Fails with ValueError or TypeError for what
            cannot be sent, L{BufferFull}, L{ConnectionNotOpen}.
        """
        return self._ask(lambda exchange, answered: exchange.call(interface, method, _listOf(args), answered))

    def callMethodWithResend(self, interface: str, method: str, args: Sequence[Any] = ()) -> Deferred[list[Any]]:
        """As L{callMethod}, but the call is repeated whenever its answer is lost: for methods that can be run twice."""
        try:
            args = list(_listOf(args))  # what is repeated is what was called
        except TypeError:
            return fail()

        def again(failure: Failure) -> Any:
            failure.trap(CallbackLost)
            if self.isClosing or self.isOver:
                return failure
            return self._whenThereIsASession().addCallback(lambda _: self.callMethodWithResend(interface, method, args))

        return self.callMethod(interface, method, args).addErrback(again)

    def _whenThereIsASession(self) -> Deferred[None]:
        if self.exchange is not None or self.side is None:
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._repeats.remove)
        self._repeats.append(waiting)
        return waiting

    def emitRemoteEvent(self, interface: str, event: str, args: Sequence[Any] = ()) -> None:
        """
        Tell the other side of an event. Without a connection it is told later.

        @param args: The arguments, in a list.
        @raise ValueError: It cannot be sent; TypeError alike.
        @raise BufferFull: Too much waits already.
        @raise ConnectionNotOpen: There is no session.
        """
        self.emitEncoded(interface, event, encodeList(list(_listOf(args))))

    def emitEncoded(self, interface: str, event: str, args: bytes) -> None:
        """The same, for many connections that are told the same."""
        self._usable().emit(interface, event, args)
        self.flush()

    def emitAllEncoded(self, interface: str, event: str, all: Sequence[bytes]) -> None:
        """The same event several times, each with arguments of its own; only on a server. All are sent, or none."""
        self._usable().emitAll(interface, event, all)
        self.flush()

    def inspectInterface(self, interface: str) -> Deferred[RemoteProxy]:
        """
        Get an interface of the other side. Inspected again, the same object has the methods that there are now.

        @return: Fails as L{callMethod}; with error 12 if there is none.
        """
        if not isinstance(interface, str):
            return fail(TypeError(f"the name of an interface is a str, not {interface!r}"))
        asking = self._ask(lambda exchange, answered: exchange.inspect(interface, answered))
        return asking.addCallback(self._inspected, interface)

    def _inspected(self, methods: list[Any], interface: str) -> RemoteProxy:
        proxy = self.remoteProxies.get(interface)
        if proxy is None:
            proxy = self.remoteProxies[interface] = RemoteProxy(self, interface)
        proxy.offer(method for method in methods if isinstance(method, str))
        return proxy

    def ping(self) -> Deferred[float]:
        """Ask for a sign of life; fires with the seconds that it took."""
        began = self.clock.seconds()
        return self._ask(Exchange.ping).addCallback(lambda _: self.clock.seconds() - began)

    def startHeartbeat(self, interval: float, timeout: float | None = None) -> None:
        """
        Send a ping every so often, and end the connection as lost when nothing at all comes from the other side.

        @param interval: Seconds, at most 900.
        @param timeout: Seconds without any data; 2.5 intervals if not given.
        @raise ValueError: Nobody can mean this interval.
        """
        self._heartbeat.start(interval, timeout)

    def stopHeartbeat(self) -> None:
        """Do not, any more."""
        self._heartbeat.stop()

    def handshake(
        self, app: App, strategy: str | None = None, credentials: Any = None, *, session: Session | None = None
    ) -> Deferred[Session]:
        """
        Ask a server to be let in: for the connect policy of a client.

        @param app: What it was called with.
        @param strategy: How to come in; L{None} for anonymously. The server's policy knows what others there are.
        @param credentials: What the strategy needs, any value that can be sent.
        @param session: What is to be restored, instead of a strategy.
        @return: Fires with the session; fails with the L{RemoteError} of the answer, or L{NoHandshakeResponse}.
        """
        if self.side is None:
            raise ConnectionNotOpen("only a client asks to be let in")
        return self.side.handshake(strategy, credentials, session, app)

    def close(self) -> Deferred[None]:
        """
        End the connection after sending what was written. A client does not reconnect by itself then, and its pending
        calls fail with L{CallbackLost}; a server keeps the session.

        @return: Fires when the transport is gone.
        """
        self.isClosing = True
        if self.line is None:
            self._home.lost(self, "closed")
            return succeed(None)
        closed: Deferred[None] = Deferred()
        self._closed.append(closed)
        self.hangUp()
        return closed

    def closed(self) -> Deferred[None]:
        """
        Wait for the end: that of a client's connection which does not come back, or of a server's which is forgotten.

        @return: Fires when it was closed, or its session was lost for good; not between two transports.
        """
        ended: Deferred[None] = Deferred(self._ends.remove)
        if self.isOver or (self.isClosing and self.line is None):
            return succeed(None)
        self._ends.append(ended)
        return ended

    def finish(self) -> None:
        """It does not come back."""
        ends, self._ends = self._ends, []
        for ended in ends:
            ended.callback(None)

    def over(self) -> None:
        """The session is gone, and the connection with it: nothing can be sent any more."""
        self.isOver = True
        self.breakPromises()
        self.abandon()
        self.finish()

    def abandon(self) -> None:
        """The session is gone, with all that waits."""
        exchange, self.exchange = self.exchange, None
        self.session = None
        if exchange is not None:
            _fail(exchange.abandon())
        if self.isOver:
            self._failRepeats()

    def failPending(self) -> None:
        """Nobody is to wait any more."""
        if self.exchange is not None:
            _fail(self.exchange.giveUp())
        self._failRepeats()

    def _failRepeats(self) -> None:
        repeats, self._repeats = self._repeats, []
        for waiting in repeats:
            waiting.errback(CallbackLost())

    def _usable(self) -> Exchange:
        if self.isClosing and self.side is not None:
            raise ConnectionNotOpen(f"{self!r} is closed")
        if self.exchange is None:
            raise ConnectionNotOpen(f"{self!r} has no session")
        return self.exchange

    def _ask(self, ask: Callable[[Exchange, Answered], int]) -> Deferred[list[Any]]:
        answer: Deferred[list[Any]] = Deferred(lambda _: exchange.forget(number))

        def answered(error: Exception | None, results: list[Any]) -> None:
            if self._isListened or self._home.isObserved:
                self.observe("callback", error, results)
            if answer.called:  # it was cancelled, when what it is told now was decided already
                return
            if error is None:
                answer.callback(results)
            else:
                answer.errback(error)

        try:
            exchange = self._usable()
            number = ask(exchange, answered)
        except Exception:
            return fail()
        self.flush()
        return answer

    # What the other side asks

    def called(self, exchange: Exchange, id: int, interface: Any, method: Any, args: Any) -> None:
        """See L{jetjstp.jstp.exchange.Partner}."""
        if self._isListened or self._home.isObserved:
            self.observe("call", interface, method, args)
        if type(args) is list:
            found = self.application.method(interface, method, len(args))
        else:
            found = self.application.method(interface, method, -1) if args else ERR_INVALID_SIGNATURE
        if isinstance(found, int):
            exchange.fail(id, [found])
            return
        outcome = invoke(found, self, args, interface, method)
        if isinstance(outcome, list):
            self._answer(outcome, exchange, id)
        else:
            size = self._size
            self._runs(1, size)
            outcome.addCallback(self._answerLate, exchange, id, size)

    def _answerLate(self, outcome: Outcome, exchange: Exchange, id: int, size: int) -> None:
        # In the conversation in which it was asked: in another one the number is that of another call.
        self._runs(-1, -size)
        self._answer(outcome, exchange, id)
        if not self._isWorking:
            self.flush()
            self._goOn()

    def _answer(self, outcome: Outcome, exchange: Exchange, id: int) -> None:
        try:
            if type(outcome) is Failed:
                exchange.fail(id, outcome)
            else:
                exchange.succeed(id, outcome)
        except Exception:
            # Values may have code of their own that says how they are sent.
            logRarely(self._log, self.application, "what a method gave cannot be sent", Failure())
            exchange.fail(id, [ERR_INTERNAL_API_ERROR])

    def inspected(self, exchange: Exchange, id: int, interface: Any) -> None:
        """See L{jetjstp.jstp.exchange.Partner}."""
        self.observe("inspect", interface)
        methods = self.application.getMethods(interface)
        if methods is None:
            exchange.fail(id, [ERR_INTERFACE_NOT_FOUND])
        else:
            exchange.succeed(id, methods)

    def told(self, interface: Any, event: str, args: list[Any]) -> None:
        """See L{jetjstp.jstp.exchange.Partner}."""
        if self._isListened or self._home.isObserved:
            self.observe("event", interface, event, args)
        proxy = self.remoteProxies.get(interface) if isinstance(interface, str) else None
        if proxy is not None:
            proxy.told(event, args)
        handler = self.application.handler(interface, event, len(args))
        if not isinstance(handler, int):
            callEventHandler(handler, self, args, interface, event)
        elif handler == ERR_INVALID_SIGNATURE:
            self._log.debug(  # peers may send as many as they like
                "{connection}: event {interface}.{event} came with {count} arguments, which its handler does not take",
                connection=self,
                interface=interface,
                event=event,
                count=len(args),
            )

    # The session

    def begin(self, session: Session) -> None:
        """The session is new."""
        self._start(session)
        assert self.exchange is not None
        self.exchange.begin()
        self._established()
        repeats, self._repeats = self._repeats, []
        for waiting in repeats:
            waiting.callback(None)

    def prepare(self, session: Session) -> None:
        """The session is about to be restored; what is sent until then is kept in it."""
        if self.session is not session:
            self._start(session)

    def resume(self, received: int) -> None:
        """The session is restored; the other side has received so many of our messages."""
        assert self.exchange is not None
        restored, lost = self.exchange.resume(received)
        if restored.missing or restored.excess:
            self._log.warn(
                "{connection}: {missing} messages cannot be sent again, {excess} were received that were never sent",
                connection=self,
                missing=restored.missing,
                excess=restored.excess,
            )
        self._established()
        # Not before those who called have seen that the connection is back.
        for answered in lost:
            self.clock.callLater(0, answered, CallbackLost(), [])

    def _start(self, session: Session) -> None:
        old = self.exchange
        self.session = session
        self.username = session.username
        self.exchange = Exchange(session, self._step, self, self.limits)
        if old is not None:  # another session in place of one that nobody knows any more
            _fail(old.abandon())


def _listOf(args: Sequence[Any]) -> Sequence[Any]:
    """
    @raise TypeError: It is no list of arguments, though Python may be able to make one of it.
    """
    if isinstance(args, str | bytes | bytearray | Mapping) or not isinstance(args, Iterable):
        raise TypeError(f"the arguments are given in a list, not as a {type(args).__name__}: [...]")
    return args


def _fail(waiting: list[Answered]) -> None:
    for answered in waiting:
        answered(CallbackLost(), [])
