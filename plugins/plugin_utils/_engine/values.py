# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How the frozen values of the engine change: into new ones, of which there are very many."""

from __future__ import annotations

import contextlib
import gc
import typing as t

T = t.TypeVar("T")
_SELDOM = 50_000, 20, 20  # objects made until the young, rounds until the older and the oldest are looked at


def changed(value: T, **fields: t.Any) -> T:
    """What ``dataclasses.replace`` gives, in a fifth of the time: it does not run the constructor.

    For the small values that follow a packet; they have no ``__post_init__``, slots or cached properties.
    """
    new = object.__new__(type(value))
    new.__dict__.update(value.__dict__)
    new.__dict__.update(fields)
    return new


@contextlib.contextmanager
def seldom_collected() -> t.Iterator[None]:
    """Look for garbage less often, and never in what is there already, which also stays shared with forked processes.

    Facts of many hosts are many objects that stay, and little of what is made of them is ever in a cycle.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@contextlib.contextmanager
def uncollected() -> t.Iterator[None]:
    """Leave out the search for cycles while values are made that are in none, and that all stay.

    The search goes through all values that are there, again and again as they become more: a third of the time that
    it takes to read 1,000 hosts.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
