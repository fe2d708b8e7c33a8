"""The listening socket of a server: made once, handed down to the API process."""

import os
import socket

from lipwright.service.settings import Settings

SOCKET_VARIABLE = "LIPWRIGHT_SOCKET"
"""Descriptor of an inherited listening socket."""
BACKLOG = 512


def inherited() -> socket.socket | None:
    """The socket of the supervisor; None without one."""
    descriptor = os.environ.pop(SOCKET_VARIABLE, None)
    return None if descriptor is None else socket.socket(fileno=int(descriptor))


def listen(settings: Settings) -> socket.socket:
    """The listening socket. Raises OSError when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
