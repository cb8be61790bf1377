"""Makes a running server refuse new connections, which TorchServe itself can only do by cutting the open ones too."""

import ctypes
import os
import socket

import psutil

PIDFD_GETFD = 438  # of syscalls(2), the same number on every architecture


def stop_listening(pid: int, port: int) -> bool:
    """Shut the socket that a process listens with: new connections are refused, open ones live on.

    Returns:
        Whether it did; some sandboxes forbid it, Docker's among them.
    """
    try:
        listening = [
            connection.fd
            for connection in psutil.Process(pid).net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        ]
        for descriptor in listening:
            with _copy(pid, descriptor) as listener:
                listener.shutdown(socket.SHUT_RDWR)
    except (psutil.Error, OSError):
        return False
    return bool(listening)


def _copy(pid: int, descriptor: int) -> socket.socket:
    """Return another process's socket, which stays open there (pidfd_getfd(2)).

    Raises:
        OSError: the kernel does not allow it.
    """
    process = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        own = libc.syscall(PIDFD_GETFD, process, descriptor, 0)
        if own < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        return socket.socket(fileno=own)
    finally:
        os.close(process)
