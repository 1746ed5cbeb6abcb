"""Keeps every process of a box from making user namespaces.

In one of its own a process has all capabilities over what it makes there, and with them much of the kernel's code that
is root's alone otherwise. The filter of Docker denies it, that of Podman does not; this one adds to whatever filter
there is and holds for all processes that are forked afterwards.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_NEW_USER = 0x10000000  # CLONE_NEWUSER of linux/sched.h
_SET_SECCOMP, _FILTER = 22, 2  # PR_SET_SECCOMP and SECCOMP_MODE_FILTER, prctl(2)
# What the kernel calls the machine, and its numbers of unshare, clone and clone3.
_CALLS = {"x86_64": (0xC000003E, 272, 56, 435), "aarch64": (0xC00000B7, 97, 220, 435)}
_LOAD, _EQUAL, _AT_LEAST, _HAS_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _MACHINE, _FLAGS = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000  # calls of another kind on the same machine: none of them
_ALLOW, _FAIL_WITH = 0x7FFF0000, 0x00050000


def close_user_namespaces() -> bool:
    """Installs the filter, where it knows the machine; whether no user namespace can be made now.

    Needs no-new-privileges, as boxes have it. Where it returns False this process is in a namespace of its own.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    calls = _CALLS.get(os.uname().machine)
    if calls is not None:
        program = ctypes.create_string_buffer(_program(*calls))
        told = struct.pack("H6xQ", len(program.raw) // 8, ctypes.addressof(program))
        libc.prctl(_SET_SECCOMP, _FILTER, ctypes.c_char_p(told), 0, 0)
    return bool(libc.unshare(_NEW_USER) == -1)


def _program(machine: int, unshare: int, clone: int, clone3: int) -> bytes:
    """The filter (linux/filter.h); jumps count from the next line. clone3 hides its flags, so it is missing."""
    lines = (
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 0, 9, machine),  # else: missing
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 7, 0, _X32),
        (_EQUAL, 6, 0, clone3),
        (_EQUAL, 1, 0, unshare),
        (_EQUAL, 0, 2, clone),  # else: allowed
        (_LOAD, 0, 0, _FLAGS),
        (_HAS_BIT, 1, 0, _NEW_USER),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _FAIL_WITH | errno.EPERM),
        (_RETURN, 0, 0, _FAIL_WITH | errno.ENOSYS),  # missing, so that libraries use clone
    )
    return b"".join(struct.pack("HBBI", *line) for line in lines)
