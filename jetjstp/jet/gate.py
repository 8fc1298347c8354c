"""
The gate of a daemon: asks the policy who peers are, and again when that may have
changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from twisted.internet.defer import CancelledError, Deferred, gatherResults, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.causes import Cause
from jetjstp.interfaces import IAuthPolicy, Identity, LoginFailed, MessageLink, UnknownUser, WrongPassword
from jetjstp.jet.access import mayAccess
from jetjstp.jet.clients import Client
from jetjstp.jet.effects import Authenticate
from jetjstp.jet.errors import InvalidParams
from jetjstp.jet.pathrules import PathRules, RulesChange
from jetjstp.logins import LoginAttempts, TooManyLogins
from jetjstp.rarefailures import logRarely

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from jetjstp.jet.protocol import JetServer

__all__ = ["Gate"]


class Proof(NamedTuple):
    """
    By what the policy knows a client, and what it said.

    @ivar user: The name of a login; L{None} if it was the certificate.
    """

    user: str | None
    certificate: Certificate | None
    identity: Identity | None


class Gate:
    """
    Lets clients of a server log in as the policy says.

    A policy need not have more than C{login}, see L{IAuthPolicy}.

    @ivar attempts: Counts wrong logins.
    """

    _log = Logger()

    def __init__(self, policy: IAuthPolicy, attempts: LoginAttempts, server: JetServer) -> None:
        self.attempts = attempts
        self._policy = policy
        self._server = server
        self._rules: PathRules | None = None
        # Clients whose identity is from the policy, and logins that are being checked.
        self._proofs: dict[Client, Proof] = {}
        self._logins: dict[Client, Deferred[Identity | None]] = {}
        # Counts how often the users may have changed: what was asked before counts no more.
        self._generation = 0
        self._takeRules()

    def _takeRules(self) -> None:
        self._rules = rules = getattr(self._policy, "pathRules", None)
        self._server.bus.admission.decideBy(mayAccess if rules is None else rules.may, self._server.receivers)

    def forget(self, client: Client) -> None:
        """A client has left. A login that waits for its turn is not checked; one that is being checked counts."""
        self._proofs.pop(client, None)
        login = self._logins.pop(client, None)
        if login is not None:
            login.cancel()

    # By password

    def authenticate(self, effect: Authenticate) -> None:
        """Have a login checked, and tell the bus."""
        client = effect.client
        login: Deferred[Identity | None] = self.attempts.run(
            client.address, self._policy.login, effect.user, effect.password, client.address
        )
        self._logins[client] = login
        login.addBoth(self._decided, client)
        login.addCallbacks(
            self._loggedIn, self._refused, callbackArgs=(effect, self._generation), errbackArgs=(effect,)
        )
        login.addErrback(self._failed, effect)

    def _decided(self, result: Identity | Failure | None, client: Client) -> Identity | Failure | None:
        self._logins.pop(client, None)
        return result

    def _loggedIn(self, identity: Identity | None, effect: Authenticate, generation: int) -> None:
        if generation != self._generation:
            self.authenticate(effect)
            return
        client, server = effect.client, self._server
        auth = b"true" if identity is None else msgspec.json.encode(_checked(identity).auth)
        if client in server.receivers and (identity is not None or client.identity is None):
            self._proofs[client] = Proof(effect.user, None, identity)
        server.bus.admission.authenticated(client, effect.id, identity, auth)
        server.driver.settle()

    def _refused(self, failure: Failure, effect: Authenticate) -> None:
        if failure.check(CancelledError) and effect.client not in self._server.receivers:
            return
        failure.trap(LoginFailed)
        bus, now = self._server.bus, self._server.driver.now()
        if isinstance(failure.value, TooManyLogins):
            bus.admission.refusedUnseen(effect.client, effect.id, failure.value.limit, now)
        else:
            if failure.check(UnknownUser):
                error = InvalidParams(b'{"invalidUser":true}')
            elif failure.check(WrongPassword):
                error = InvalidParams(b'{"invalidPassword":true}')
            else:
                error = InvalidParams("loginFailed", failure.getErrorMessage())
            bus.admission.refused(effect.client, effect.id, error, now)
        self._server.driver.settle()

    def _failed(self, failure: Failure, effect: Authenticate) -> None:
        logRarely(self._log, self._policy, "a login could not be checked", failure)
        self._server.bus.admission.refused(effect.client, effect.id, None, self._server.driver.now())
        self._server.driver.settle()

    # By certificate

    def recognize(self, client: Client, link: MessageLink) -> None:
        """
        Have a client logged in from the start if its link has a certificate of somebody whom the policy knows. What it
        sends waits for that.
        """
        certificate = getattr(link, "peerCertificate", None)
        if certificate is not None and hasattr(self._policy, "certificate"):
            self._server.bus.admission.recognizing(client)
            self._recognize(client, certificate)

    def _recognize(self, client: Client, certificate: Certificate) -> None:
        asked = maybeDeferred(self._policy.certificate, certificate, client.address)
        asked.addCallback(self._recognized, client, certificate, self._generation)
        asked.addErrback(self._notRecognized, client)

    def _recognized(self, identity: Identity | None, client: Client, certificate: Certificate, generation: int) -> None:
        server = self._server
        if client not in server.receivers:
            return
        if generation != self._generation:
            self._recognize(client, certificate)
            return
        self._proofs[client] = Proof(None, certificate, None if identity is None else _checked(identity))
        server.bus.admission.recognized(client, identity, server.driver.now())
        server.driver.settle()

    def _notRecognized(self, failure: Failure, client: Client) -> None:
        if failure.check(LoginFailed):
            cause, reason = Cause.LOGIN, f"its certificate is refused, {failure.getErrorMessage()}"
        else:
            logRarely(self._log, self._policy, "a certificate could not be checked", failure)
            cause, reason = Cause.FAULT, "its certificate could not be checked"
        self._drop(client, cause, reason)
        self._server.driver.settle()

    # Again

    def recheck(self) -> Deferred[int]:
        """See L{Daemon.recheck<jetjstp.jet.daemon.Daemon.recheck>}."""
        self._generation += 1
        old = self._rules
        self._takeRules()
        change = RulesChange(old, self._rules)
        dropped = 0
        users: dict[str, list[tuple[Client, Proof]]] = {}
        asking: list[Deferred[int]] = []
        for client in list(self._server.receivers):
            if change.concerns(client.identity):
                dropped += self._drop(client, Cause.RIGHTS, "its rights are others now, by the path rules")
                continue
            proof = self._proofs.get(client)
            if proof is None:
                continue
            if proof.user is not None:
                users.setdefault(proof.user, []).append((client, proof))
            else:
                asking.append(self._ask("certificate", (proof.certificate, client.address), [(client, proof)]))
        asking += [self._ask("identify", (user,), clients) for user, clients in users.items()]
        self._server.driver.settle()
        return gatherResults(asking).addCallback(lambda counts: dropped + sum(counts))

    def _ask(self, method: str, args: tuple[object, ...], clients: list[tuple[Client, Proof]]) -> Deferred[int]:
        ask = getattr(self._policy, method, None)
        if ask is None:
            return maybeDeferred(int)
        asked = maybeDeferred(ask, *args)
        asked.addCallbacks(self._compare, self._isGone, callbackArgs=(clients,), errbackArgs=(clients,))
        return asked.addErrback(self._unknown)

    def _compare(self, identity: Identity | None, clients: Iterable[tuple[Client, Proof]]) -> int:
        others = [client for client, proof in clients if self._isCurrent(client, proof) and identity != proof.identity]
        return self._dropAll(others, "its rights are others now, by its groups")

    def _isGone(self, failure: Failure, clients: Iterable[tuple[Client, Proof]]) -> int:
        failure.trap(LoginFailed)
        gone = [client for client, proof in clients if self._isCurrent(client, proof)]
        return self._dropAll(gone, "its user is gone")

    def _unknown(self, failure: Failure) -> int:
        # Nobody is to lose a connection because a database is away.
        self._log.failure("whether users have changed could not be found out; they stay as they are", failure=failure)
        return 0

    def _isCurrent(self, client: Client, proof: Proof) -> bool:
        """Whether a client is still who it was when we asked."""
        return self._proofs.get(client) is proof

    def _dropAll(self, clients: Iterable[Client], reason: str) -> int:
        count = sum(self._drop(client, Cause.RIGHTS, reason) for client in clients)
        self._server.driver.settle()
        return count

    def _drop(self, client: Client, cause: Cause, reason: str) -> bool:
        if client.dropped or client.gone:
            return False
        self._server.bus.drop(client, cause, reason, atOnce=False)
        return True


def _checked(identity: Identity) -> Identity:
    if not isinstance(identity, Identity):
        raise TypeError(f"a policy gives an Identity or None, not {type(identity).__name__}")
    return identity
