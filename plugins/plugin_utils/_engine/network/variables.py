# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Read the values of inventory variables: each is of the kind that is wanted, or a SiteError says where it is not."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import EXAMPLE

Mapping = t.Mapping[str, t.Any]


class SiteError(ValueError):
    """A variable cannot be used; the message names host, variable and key, and says what is allowed."""

    def __init__(self, host: str, where: str, problem: str) -> None:
        super().__init__(f"host {host}: {where}: {problem}" if host else f"{where}: {problem}")
        self.host = host
        self.where = where
        self.problem = problem


def record_of(host: str, where: str, value: t.Any, allowed: tuple[str, ...], required: tuple[str, ...]) -> Mapping:
    """A dictionary with these keys and no others."""
    entry = mapping_of(host, where, value)
    for key in entry:
        if key not in allowed:
            raise SiteError(host, where, f"unknown key {key!r}; allowed are {', '.join(allowed)}")
    for key in required:
        if key not in entry:
            example = f", for example {EXAMPLE}" if key == "flow" else ""
            raise SiteError(host, where, f"the key {key!r} is missing{example}")
    return entry


def mapping_of(host: str, where: str, value: t.Any) -> Mapping:
    """A dictionary; what is not given is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, t.Mapping):
        raise SiteError(host, where, f"expected a dictionary, found {type(value).__name__} {value!r}")
    return value


def list_of(host: str, where: str, value: t.Any) -> t.Sequence[t.Any]:
    """A list; what is not given is an empty one."""
    if value is None:
        return ()
    if isinstance(value, (str, bytes)) or not isinstance(value, t.Sequence):
        raise SiteError(host, where, f"expected a list, found {type(value).__name__} {value!r}")
    return value


def name_of(host: str, where: str, value: t.Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise SiteError(host, where, f"expected a name, found {value!r}")
    return str(value)


def address_of(host: str, where: str, value: t.Any) -> str:
    """An IP address, as Python writes it."""
    try:
        return str(ipaddress.ip_address(str(value)))
    except ValueError:
        raise SiteError(host, where, f"{value!r} is not an IP address") from None


def prefix_text_of(host: str, where: str, value: t.Any) -> str:
    """A prefix without host bits, as Python writes it."""
    try:
        return str(ipaddress.ip_network(str(value)))
    except ValueError as error:
        raise SiteError(host, where, f"{value!r} is not a prefix ({error}); example: 192.0.2.0/24") from None
