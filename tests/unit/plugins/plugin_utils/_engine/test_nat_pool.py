# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which address of a range the kernel translates to."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection import nat_pool, translation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Entry
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Translation

HOST = Host.from_facts("r", {"byte_order": "little", "interfaces": {"lo": {}, "eth0": {}}})


@pytest.mark.parametrize(
    ("pool", "persistent", "source", "destination", "chosen"),
    [  # as conntrack listed them on an x86-64 machine, Linux 6.18
        ("10.9.77.3-10.9.78.9", False, "10.9.0.1", "10.9.1.1", "10.9.77.133"),
        ("10.9.77.3-10.9.78.9", False, "10.9.0.1", "10.9.1.2", "10.9.77.210"),
        ("10.9.77.3-10.9.78.9", True, "10.9.0.1", "10.9.2.4", "10.9.77.8"),
        ("10.9.77.3-10.9.78.9", True, "10.9.0.1", "10.9.2.5", "10.9.77.8"),
        ("10.9.64.0/20", False, "10.9.0.1", "10.9.3.1", "10.9.76.10"),
        ("10.9.64.0/20", False, "10.9.0.1", "10.9.3.6", "10.9.76.8"),
        ("fd00:77::5-fd00:77::2:9", False, "fd00:9::1", "fd00:9::1:3", "fd00:77::22b6"),
        ("fd00:77::5-fd00:77::2:9", False, "fd00:9::1", "fd00:9::1:6", "fd00:77::1:bbee"),
        ("fd00:77::/64", False, "fd00:9::1", "fd00:9::2:4", "fd00:77::4b3b:8c06"),
        ("fd00:77::/64", False, "fd00:9::1", "fd00:9::2:8", "fd00:77::57ad:42e0"),
    ],
)
def test_the_address_is_the_kernels(pool: str, persistent: bool, source: str, destination: str, chosen: str) -> None:
    first, last = nat_pool.bounds(pool)
    asked = nat_pool.Asked(source, destination, persistent=persistent)
    assert nat_pool.choose(first, last, asked, "little") == chosen
    assert nat_pool.choose(first, last, asked, "big") != chosen


def bound(flow: str, pool: str, host: Host = HOST, others: tuple[Entry, ...] = ()) -> str:
    original = Flow.parse(flow)
    rule = Translation("snat", pool, rule="the rule")
    entry = translation.bind_source(host, Entry(original, original.reversed()), rule, "eth0", None, others)
    return entry.reply.destination


def test_a_source_that_lies_in_the_range_stays() -> None:
    assert bound("udp 10.9.70.1:5 > 10.9.1.1:53", "10.9.64.0/20") == "10.9.70.1"
    assert bound("udp 10.9.0.1:5 > 10.9.1.1:53", "10.9.64.7-10.9.64.7") == "10.9.64.7"


def test_what_would_need_more_than_the_facts_tell_is_unknown() -> None:
    flow = Flow.parse("udp 10.9.0.1:5 > 10.9.1.1:53")
    other = Flow.parse("udp 10.9.0.1:5 > 10.9.1.2:53")
    with pytest.raises(translation.TranslationUnknown, match="the rule may give the address of another"):
        bound(str(flow), "10.9.64.0/20", others=(Entry(other, other.reversed()),))
    with pytest.raises(translation.TranslationUnknown, match="byte order"):
        bound(str(flow), "10.9.64.0/20", host=Host.from_facts("r", {"interfaces": {"lo": {}}}))
    with pytest.raises(translation.TranslationUnknown, match="not understood"):
        bound(str(flow), "10.9.64.0/what")
