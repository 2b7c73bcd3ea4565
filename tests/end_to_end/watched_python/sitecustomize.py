"""Watches every Python process started with this folder on its path for sockets.

Two watches: Python's own audit events, which name the culprit, and, on Linux, a
system-call filter, which no library in any language gets around. Each process
writes a line to the file that ``LAYERSCOPE_SOCKET_LOG`` names; a socket that is
not local to this machine (``AF_UNIX``) adds another and ends the process.
"""

import ctypes
import os
import platform
import struct
import sys
import traceback

AF_UNIX = 1
FORBIDDEN = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"}
SOCKET_CALL = {"x86_64": (41, 0xC000003E), "aarch64": (198, 0xC00000B7)}


def note(line):
    descriptor = os.open(
        os.environ["LAYERSCOPE_SOCKET_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT
    )
    os.write(descriptor, f"{os.getpid()} {line}\n".encode())
    os.close(descriptor)


def hook(event, arguments):
    if event == "socket.__new__":
        local = int(arguments[1]) == AF_UNIX
    elif event in FORBIDDEN:
        local = event != "socket.getaddrinfo" and int(arguments[0].family) == AF_UNIX
    else:
        return
    if not local:
        where = " < ".join(
            f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_stack()
        )
        note(f"SOCKET {event} {where}")
        os._exit(99)


def forbid_system_call():
    """Make the kernel end the process that opens a socket other than AF_UNIX."""
    if sys.platform != "linux" or platform.machine() not in SOCKET_CALL:
        return False
    number, architecture = SOCKET_CALL[platform.machine()]
    load, jump_equal, give = 0x20, 0x15, 0x06
    kill_process, allow = 0x80000000, 0x7FFF0000
    program = [
        (load, 0, 0, 4),  # the architecture of the call
        (jump_equal, 0, 5, architecture),
        (load, 0, 0, 0),  # its number
        (jump_equal, 0, 3, number),
        (load, 0, 0, 16),  # its first argument, the family
        (jump_equal, 1, 0, AF_UNIX),
        (give, 0, 0, kill_process),
        (give, 0, 0, allow),
    ]
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    kept = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)
    set_no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    if libc.prctl(set_no_new_privileges, 1, 0, 0, 0) != 0:
        return False
    return libc.prctl(set_seccomp, filter_mode, header, 0, 0) == 0


sys.addaudithook(hook)
filtered = forbid_system_call()
note(f"STARTED filter={int(filtered)} {' '.join(sys.orig_argv[1:4])}")
