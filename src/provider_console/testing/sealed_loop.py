"""What a simulation has not got: the half of an event loop that reaches outside, each method refusing by name."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn


class SimulationError(Exception):
    """A history broke a rule of the simulation."""


class Deadlock(SimulationError):
    """Nothing can run, no timer is armed, and the main coroutine has not ended."""


class LimitExceeded(SimulationError):
    """The history took more steps or more virtual time than it was given."""


class Leaked(SimulationError):
    """Tasks were still there when the main coroutine had ended."""


class Unhandled(SimulationError):
    """An exception reached nobody: a task's, a future's or a callback's."""


class Forbidden(SimulationError):
    """Something outside the simulation was asked for: a socket, a pipe, a subprocess, a signal."""


class ThreadForbidden(Forbidden):
    """A thread or an executor was asked for, or another thread called the loop."""


def _forbidden(what: str, instead: str, error: type[Forbidden] = Forbidden) -> Any:
    """Make the method of a loop that refuses."""

    def refuse(self: SealedLoop, *_: object, **__: object) -> NoReturn:
        self.refuse(error(f"{what} is not available in a simulation: {instead}"))

    refuse.__name__ = what
    return refuse


THREADS = "results of a thread arrive when they like; pass in a port that answers on the loop"
_NETWORK = "pass in a fake that answers in virtual time"
_PROCESS = "no process runs in virtual time; pass in a fake"
_SIGNALS = "call the handler yourself at the step you want"
_RUNNING = "use simulation.run or run_until_complete"


class SealedLoop(asyncio.AbstractEventLoop):
    """An event loop that refuses threads, sockets, pipes, processes and signals, and remembers that it was asked."""

    def __init__(self) -> None:
        self.problems: list[SimulationError] = []

    def refuse(self, error: Forbidden) -> NoReturn:
        """Raise, and remember it: code that catches everything must not hide it from the test."""
        self.problems.append(error)
        raise error

    run_forever = _forbidden("run_forever", _RUNNING)
    stop = _forbidden("stop", _RUNNING)
    run_in_executor = _forbidden("run_in_executor (asyncio.to_thread)", THREADS, ThreadForbidden)
    set_default_executor = _forbidden("set_default_executor", THREADS, ThreadForbidden)
    getaddrinfo = _forbidden("getaddrinfo", _NETWORK)
    getnameinfo = _forbidden("getnameinfo", _NETWORK)
    create_connection = _forbidden("create_connection", _NETWORK)
    create_server = _forbidden("create_server", _NETWORK)
    create_unix_connection = _forbidden("create_unix_connection", _NETWORK)
    create_unix_server = _forbidden("create_unix_server", _NETWORK)
    create_datagram_endpoint = _forbidden("create_datagram_endpoint", _NETWORK)
    connect_accepted_socket = _forbidden("connect_accepted_socket", _NETWORK)
    start_tls = _forbidden("start_tls", _NETWORK)
    sendfile = _forbidden("sendfile", _NETWORK)
    add_reader = _forbidden("add_reader", _NETWORK)
    remove_reader = _forbidden("remove_reader", _NETWORK)
    add_writer = _forbidden("add_writer", _NETWORK)
    remove_writer = _forbidden("remove_writer", _NETWORK)
    sock_recv = _forbidden("sock_recv", _NETWORK)
    sock_recv_into = _forbidden("sock_recv_into", _NETWORK)
    sock_recvfrom = _forbidden("sock_recvfrom", _NETWORK)
    sock_recvfrom_into = _forbidden("sock_recvfrom_into", _NETWORK)
    sock_sendall = _forbidden("sock_sendall", _NETWORK)
    sock_sendto = _forbidden("sock_sendto", _NETWORK)
    sock_connect = _forbidden("sock_connect", _NETWORK)
    sock_accept = _forbidden("sock_accept", _NETWORK)
    sock_sendfile = _forbidden("sock_sendfile", _NETWORK)
    connect_read_pipe = _forbidden("connect_read_pipe", _PROCESS)
    connect_write_pipe = _forbidden("connect_write_pipe", _PROCESS)
    subprocess_exec = _forbidden("subprocess_exec", _PROCESS)
    subprocess_shell = _forbidden("subprocess_shell", _PROCESS)
    add_signal_handler = _forbidden("add_signal_handler", _SIGNALS)
    remove_signal_handler = _forbidden("remove_signal_handler", _SIGNALS)
