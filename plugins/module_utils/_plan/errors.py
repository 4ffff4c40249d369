# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The one kind of error of the planners: what the user asks for cannot, or must not, be done on this host."""

from __future__ import annotations


class PlanError(ValueError):
    """The plan cannot be made; the message says what is in the way, where, and what to do."""


class ManagementCutError(PlanError):
    """The change would cut off the session it runs over."""
