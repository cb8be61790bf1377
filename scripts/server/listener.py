"""Makes a running server refuse new connections, which TorchServe itself can only do by cutting the open ones too."""

import ctypes
import os
import socket
import struct
import time

import psutil

PIDFD_GETFD = 438  # of syscalls(2), the same number on every architecture
SO_ATTACH_FILTER = 26  # of socket(7)
RETURN = 0x06  # of the classic BPF: how many bytes of a packet to let through
TCPI_UNACKED = 24  # offset of a field of struct tcp_info: for a listener, the connections that wait to be accepted
ACCEPTED_WITHIN = 2.0  # s that the server may take to accept what it has not accepted yet


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
                _hold_back(listener)
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


def _hold_back(listener: socket.socket) -> None:
    """Let nobody new begin to connect, and wait until whoever has connected is accepted.

    Shutting the socket would cut those who are not. Who is held back tries again after a second, and is refused then.
    """
    drop = ctypes.create_string_buffer(struct.pack("HBBI", RETURN, 0, 0, 0))
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(drop)))
    end = time.monotonic() + ACCEPTED_WITHIN
    while _waiting(listener) and time.monotonic() < end:
        time.sleep(0.001)


def _waiting(listener: socket.socket) -> int:
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCPI_UNACKED + 4)
    return int(struct.unpack_from("I", info, TCPI_UNACKED)[0])
