"""
What peers can ask of a daemon (protocol page, section 4).

A service answers through its client, or raises a L{JetError}, which is then the
answer. Nothing has been changed when it raises.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Raw

from jetjstp.jet.access import Right
from jetjstp.jet.elements import Added, Changed, Element, Removed
from jetjstp.jet.errors import InvalidParams, LimitExceeded, MethodNotFound, MissingParam, WrongType
from jetjstp.jet.jsontext import truthy, valueOf
from jetjstp.jet.requests import (
    Add,
    Call,
    Change,
    Other,
    Remove,
    Request,
    Set,
    idOf,
    requireObject,
    requireText,
)
from jetjstp.jet.rules import EVERYTHING, Rule, compileRule

if TYPE_CHECKING:
    from jetjstp.jet.bus import Bus
    from jetjstp.jet.clients import Client
    from jetjstp.jet.fetching import FetchId
    from jetjstp.jet.limits import Limits

__all__ = ["OTHERS", "SERVICES"]

_ADD, _SET, _CALL = Right.ADD, Right.SET, Right.CALL

LONGEST_TIMEOUT = 1e9
"""Seconds; for clocks that cannot count any further. The protocol has no upper bound."""

FETCH_ALL = ("string", "fetch_all")
"""The id of the one fetch of simple mode."""


def _timeoutOf(raw: Raw) -> float | None:
    """A timeout as a peer gave it, in seconds; what is no positive number counts as absent."""
    value = valueOf(raw)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return float(min(value, LONGEST_TIMEOUT))


def _add(bus: Bus, client: Client, request: Add, message: bytes) -> None:
    params, limits, elements = request.params, bus.limits, bus.elements
    path = params.path
    if len(path) > limits.path:
        raise LimitExceeded("path", limits.path)
    # First, so that nobody can find out like this what he may not see where he may not add either.
    if not bus.may(client.identity, _ADD, path, None):
        raise InvalidParams("noAccess", path)
    if elements.find(path) is not None:
        raise InvalidParams("pathAlreadyExists", path)
    if len(client.elements) >= limits.elementsPerPeer:
        raise LimitExceeded("elementsPerPeer", limits.elementsPerPeer)
    if len(elements) >= limits.elements:
        raise LimitExceeded("elements", limits.elements)
    access = None if params.access is None else client.dialect.access(params.access)
    element = Element(path, None if params.value is UNSET else bytes(params.value), client)
    if params.fetchOnly is not UNSET:
        element.fetchOnly = truthy(params.fetchOnly)
    element.access = access
    if params.timeout is not UNSET:
        element.timeout = _timeoutOf(params.timeout)
    _checkRoom(bus, client, element.size)
    elements.apply(Added(element))
    if request.id is not UNSET:
        bus.succeed(client, request.id)


def _checkRoom(bus: Bus, client: Client, size: int) -> None:
    """See whether a peer may have so many bytes more kept here."""
    limits = bus.limits
    if client.elementBytes + size > limits.elementBytesPerPeer:
        raise LimitExceeded("elementBytesPerPeer", limits.elementBytesPerPeer)
    if bus.elements.size + size > limits.elementBytes:
        raise LimitExceeded("elementBytes", limits.elementBytes)


def _owned(bus: Bus, client: Client, path: str) -> Element:
    element = bus.elements.find(path)
    if element is None:
        raise InvalidParams("pathNotExists", path)
    if element.owner is not client:
        raise InvalidParams("foreignPath", path)
    return element


def _remove(bus: Bus, client: Client, request: Remove, message: bytes) -> None:
    bus.elements.apply(Removed(_owned(bus, client, request.params.path)))
    bus.succeed(client, request.id)


def _change(bus: Bus, client: Client, request: Change, message: bytes) -> None:
    params = request.params
    # The element is nearly always the peer's own: one look instead of two.
    element = client.elements.get(params.path)
    if element is None:
        element = _owned(bus, client, params.path)
    value, before = bytes(params.value), element.value
    if before is not None:
        if len(value) > len(before):
            _checkRoom(bus, client, len(value) - len(before))
        bus.elements.apply(Changed(element, value))
    elif client.dialect.valueComesLater:
        _checkRoom(bus, client, len(value))
        state = Element(element.path, value, client, element.fetchOnly, element.access, timeout=element.timeout)
        bus.elements.apply(Removed(element))
        bus.elements.apply(Added(state))
    else:
        raise InvalidParams("wrongKind", params.path)
    if request.id is not UNSET:
        bus.succeed(client, request.id)


def _set(bus: Bus, client: Client, request: Set, message: bytes) -> None:
    params = request.params
    element = _target(bus, client, params.path, _SET)
    routedId = _route(bus, client, request, element, message)
    value = None if params.value is UNSET else bytes(params.value)
    valueAsResult = None if params.valueAsResult is UNSET else bytes(params.valueAsResult)
    owner = element.owner
    owner.send(owner.dialect.routedSet(routedId, element.path, value, valueAsResult))


def _call(bus: Bus, client: Client, request: Call, message: bytes) -> None:
    params = request.params
    element = _target(bus, client, params.path, _CALL)
    routedId = _route(bus, client, request, element, message)
    owner = element.owner
    owner.send(owner.dialect.routedCall(routedId, element.path, None if params.args is UNSET else bytes(params.args)))


def _target(bus: Bus, client: Client, path: str, right: Right) -> Element:
    """The element that a set or call is about, in the order of checks of section 7.1."""
    element = bus.elements.find(path)
    if element is None:
        raise InvalidParams("pathNotExists", path)
    if not bus.may(client.identity, right, path, element):
        raise InvalidParams("noAccess", path)
    if element.fetchOnly:
        raise InvalidParams("fetchOnly", path)
    if element.isMethod != (right is _CALL):
        raise InvalidParams("wrongKind", path)
    return element


def _route(bus: Bus, client: Client, request: Set | Call, element: Element, message: bytes) -> bytes | None:
    """Note that the requester waits for an answer; returns the id for the owner, L{None} if it does not wait."""
    owner = element.owner
    if owner.backlog.size > bus.limits.hardLimit // 2:
        # Who asks too much of an owner that does not read must not get it dropped.
        raise LimitExceeded("hardLimit", bus.limits.hardLimit)
    id = idOf(request.id)
    if id is None:
        bus.routes.unanswerable += 1
        return None
    timeout = element.timeout
    if request.params.timeout is not UNSET:
        timeout = _timeoutOf(request.params.timeout) or timeout
    return bus.routes.open(client, id, element.owner, message, bus.now, timeout)


def _info(bus: Bus, client: Client, request: Other, message: bytes) -> None:
    bus.answer(client, request.id, bus.describe(client.dialect))


def _echo(bus: Bus, client: Client, request: Other, message: bytes) -> None:
    bus.answer(client, request.id, b"true" if request.params is None else request.params)


def _config(bus: Bus, client: Client, request: Other, message: bytes) -> None:
    members = requireObject(message, request.params)
    if members.keys() - {"name"}:
        raise InvalidParams("unsupported config field")
    name = members.get("name", b"null")
    if name != b"null":
        text = requireText(members, "name", request.params or b"")
        if len(text) > bus.limits.path:
            raise LimitExceeded("path", bus.limits.path)
        client.name = text
    bus.succeed(client, request.id)


def _authenticate(bus: Bus, client: Client, request: Other, message: bytes) -> None:
    members = requireObject(message, request.params)
    params = request.params or b""
    user = requireText(members, "user", params)
    password = requireText(members, "password", params)
    if client.fetches and not client.dialect.fetchesBeforeLogin:
        raise InvalidParams(b'{"alreadyFetching":true}')
    bus.admission.authenticate(client, request.id, user, password)


def _fetchId(members: dict[str, bytes], params: bytes, limit: int) -> FetchId:
    text = members.get("id", b"null")
    if text == b"null":
        raise MissingParam("id", params)
    id = valueOf(text)
    if isinstance(id, bool) or not isinstance(id, str | int | float):
        raise WrongType("id", params)
    if isinstance(id, int | float) and not abs(id) <= sys.float_info.max:
        raise WrongType("id", params)
    if len(text) > limit:
        raise LimitExceeded("fetchId", limit)
    return ("string", id) if isinstance(id, str) else ("number", id)


def _fetch(bus: Bus, client: Client, request: Other, message: bytes) -> None:
    if bus.simple:
        if client.fetches:
            raise InvalidParams("already fetching")
        rule = EVERYTHING._replace(methods=client.dialect.fetchesMethods)
        _start(bus, client, request, client.dialect.fetchedAll, FETCH_ALL, b'"fetch_all"', rule)
        return
    members = requireObject(message, request.params)
    params = request.params or b""
    id = _fetchId(members, params, bus.limits.fetchId)
    rule = _rule(bus, client, members, params)._replace(methods=client.dialect.fetchesMethods, size=len(params))
    _checkFetches(bus.limits, client, id, rule)
    _start(bus, client, request, client.dialect.success, id, members["id"], rule)


def _checkFetches(limits: Limits, client: Client, id: FetchId, rule: Rule) -> None:
    """See whether a peer may have one more fetch, or another one in place of what has this id."""
    before = client.fetches.get(id)
    if before is None and len(client.fetches) >= limits.fetchesPerPeer:
        raise LimitExceeded("fetchesPerPeer", limits.fetchesPerPeer)
    replaced = EVERYTHING if before is None else before.rule
    if client.operands - replaced.operands + rule.operands > limits.operandsPerPeer:
        raise LimitExceeded("operandsPerPeer", limits.operandsPerPeer)
    if client.ruleBytes - replaced.size + rule.size > limits.rulesPerPeer:
        raise LimitExceeded("rulesPerPeer", limits.rulesPerPeer)


def _rule(bus: Bus, client: Client, members: dict[str, bytes], params: bytes) -> Rule:
    if len(params) > bus.limits.rule:
        raise LimitExceeded("rule", bus.limits.rule)
    return compileRule(client.dialect.rule(members), params, bus.limits.rule, bus.limits.operands)


def _start(bus: Bus, client: Client, request: Other, result: bytes, id: FetchId, text: bytes, rule: Rule) -> None:
    """Answer a fetch and announce its initial state, in the order that the dialect asks for."""
    if client.dialect.announcesFirst:
        bus.fetches.start(client, id, text, rule, lambda: bus.answer(client, request.id, result))
    else:
        bus.answer(client, request.id, result)
        bus.fetches.start(client, id, text, rule)


def _unfetch(bus: Bus, client: Client, request: Other, message: bytes) -> None:
    if bus.simple:
        if not client.fetches:
            raise InvalidParams("not fetching")
        bus.fetches.end(client, FETCH_ALL)
    else:
        members = requireObject(message, request.params, strict=False)
        bus.fetches.end(client, _fetchId(members, request.params or b"", bus.limits.fetchId))
    bus.succeed(client, request.id)


def _get(bus: Bus, client: Client, request: Other, message: bytes) -> None:
    members = requireObject(message, request.params)
    rule = _rule(bus, client, members, request.params or b"")
    bus.fetches.get(client, rule, lambda outcome: bus.deliver(client, request.id, outcome))


def _other(bus: Bus, client: Client, request: Other, message: bytes) -> None:
    service = OTHERS.get(client.dialect.services.get(request.method, request.method))
    if service is None:
        raise MethodNotFound(request.method)
    service(bus, client, request, message)


Service = Callable[["Bus", "Client", Any, bytes], None]

SERVICES: dict[type[Request], Service] = {
    Add: _add,
    Remove: _remove,
    Change: _change,
    Set: _set,
    Call: _call,
    Other: _other,
}

OTHERS: dict[str, Service] = {
    "info": _info,
    "echo": _echo,
    "config": _config,
    "authenticate": _authenticate,
    "fetch": _fetch,
    "unfetch": _unfetch,
    "get": _get,
}
