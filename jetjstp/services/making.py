"""
How options become a service.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from twisted.application.service import IService

from jetjstp.services.notifying import notifierFromEnvironment
from jetjstp.services.running import DaemonService, FailingService

if TYPE_CHECKING:
    from jetjstp.services.jstpoptions import JstpOptions

__all__ = ["remarksOn", "serviceOf"]


def serviceOf(options: JstpOptions) -> IService:
    """
    Make the service of a command.

    @param options: After C{parseOptions}.
    """
    reactor = options.reactor
    if options["broken"] is not None:
        return FailingService(options.command, options["broken"].message, options["broken"].failure)
    return DaemonService(options["assembly"], notifierFromEnvironment(os.environ, reactor), reactor)


def remarksOn(policyName: str | None, isUnasked: bool) -> list[str]:
    """
    What a log should tell about options.

    @param policyName: What the policy is called; L{None} if there is none.
    @param isUnasked: Whether nothing was said about where to listen.
    """
    remarks = []
    if isUnasked:
        remarks.append("only this machine can connect: --listen and --listen-websocket name other addresses")
    if policyName is None:
        remarks.append("nobody can log in: whoever connects may use everything that is not protected")
    else:
        remarks.append(f"logins are checked by the policy {policyName!r}: protected things are for its users only")
    return remarks
