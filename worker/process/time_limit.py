"""A job's timeout, which ends it even in compiled code that never comes back to Python."""

import ctypes
import faulthandler
import os
import signal
import sys
from functools import cache
from time import CLOCK_MONOTONIC

from rq.timeouts import UnixSignalDeathPenalty

HARD_MARGIN = 5
"""Seconds after its timeout in which a job may still take note of it."""
_SIGEV_SIGNAL = 0  # bits/sigevent-consts.h
_libc = ctypes.CDLL(None, use_errno=True)


class TimeLimit(UnixSignalDeathPenalty):
    """RQ's timeout raises an exception; a process whose job does not take note of it is ended.

    The exception is raised between two steps of Python code. A timer of the kernel needs none: it
    sends SIGABRT, at which the interpreter writes to the log where the process hangs, and ends it.
    """

    def setup_death_penalty(self) -> None:
        """Start both clocks."""
        super().setup_death_penalty()
        _set_timer(self._timeout + HARD_MARGIN)

    def cancel_death_penalty(self) -> None:
        """Stop both clocks."""
        _set_timer(0)
        super().cancel_death_penalty()


class _SignalEvent(ctypes.Structure):
    """`struct sigevent` of sigevent(3type): a value, the signal, how to notify, 64 bytes in all."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_byte * 48),
    )


class _TimerSpec(ctypes.Structure):
    """`struct itimerspec` of timer_settime(2): the interval, and the time from now."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


def _set_timer(seconds: int) -> None:
    """Have this process end by SIGABRT after so many seconds; 0: never. Linux alone has it."""
    if sys.platform == "linux":
        spec = _TimerSpec(value_s=seconds)
        _check(_libc.timer_settime(_timer(os.getpid()), 0, ctypes.byref(spec), None))


@cache
def _timer(pid: int) -> ctypes.c_void_p:  # noqa: ARG001  # one for each process
    """The timer of this process. A child has none of its parent's."""
    if not faulthandler.is_enabled():
        faulthandler.enable(sys.__stderr__ or 2)
    event = _SignalEvent(signal=signal.SIGABRT, notify=_SIGEV_SIGNAL)
    timer = ctypes.c_void_p()
    _check(_libc.timer_create(CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer)))
    return timer


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
