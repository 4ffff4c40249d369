# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A packet on its way through one host: each step gives the passage after it, and the last the fate."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection import (
    expectations,
    flowtable,
    resets,
    translation,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import (
    MAYBE,
    Connection,
    Entry,
    Tracker,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import routing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.routing import Decision
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.by_hash import Picked
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.ruleset import (
    CONNTRACK,
    NAT_DST,
    NAT_SRC,
    Filtered,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import (
    FilterResult,
    Packet,
    Transit,
    Translation,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host

_NAT = ("nat",)
_FILTERS = ("filter", "route")
_MIN, _MAX = -(1 << 31), 1 << 31


@dataclasses.dataclass(frozen=True)
class Passage:
    """A packet on its way through the host. ``end`` holds the fate once it is decided; later steps then do nothing."""

    host: Host
    tracker: Tracker
    packet: Packet
    iif: str | None
    connection: Connection
    filters: tuple[FilterResult, ...] = ()
    share: float = 1.0
    unknown_mark: int = 0
    ct_mark: int = 0
    decision: Decision | None = None
    end: str | None = None  # forward, local, drop, unknown
    reason: str = ""
    detail: str = ""
    rerouted: bool = False
    split: bool = False  # the share is of a branch of a second lookup
    picked: Picked = ()  # the legs that hashes are taken to pick where a rule asks for them

    @classmethod
    def start(
        cls, host: Host, tracker: Tracker, packet: Packet, iif: str | None, picked: Picked = ()
    ) -> Passage:
        passage = cls(host, tracker, packet, iif, Connection(), picked=picked)
        unread = host.unread_netfilter
        return passage.stop("unknown", "", f"{host.name}: netfilter: {unread}") if unread else passage

    @property
    def family(self) -> int:
        return 6 if ":" in self.packet.flow.destination else 4

    def stop(self, end: str, reason: str, detail: str) -> Passage:
        return changed(self, end=end, reason=reason, detail=detail)

    # the hooks
    def arrive(self, iif: str) -> Passage:
        """Prerouting."""
        passage = self.at_device("ingress", iif)
        return passage.track("prerouting").to_destination("prerouting").filters_at("prerouting", NAT_DST, _MAX)

    def at_device(self, hook: str, device: str) -> Passage:
        """The chains on a device, before the packet is routed (ingress) or after all others (egress)."""
        if self.end is not None:
            return self
        unread = self.host.ruleset.why_unknown(hook, self.host, device)
        if unread:
            return self.stop("unknown", "", f"{self.host.name}: {unread}")
        return self.filters_at(hook, oif=device if hook == "egress" else None)

    def track(self, hook: str, oif: str | None = None) -> Passage:
        """The chains before connection tracking, the tracking, and the chains before destination translation."""
        if self.end is not None:
            return self
        before = self.run(hook, oif, _FILTERS, _MIN, CONNTRACK)
        passage = self.take(before)
        if passage.end is None:
            passage = passage.classify(before)
        return passage.filters_at(hook, CONNTRACK, NAT_DST, oif)

    def classify(self, before: Filtered) -> Passage:
        if not (self.host.tracks(self.family) or self.tracker.has_family(self.family)):
            return self
        if before.untracked:
            return changed(self, connection=Connection("untracked"))
        connection = self.tracker.classify(self.packet, before.zone)
        if connection.fresh and self.tracker.full:
            return self.stop("unknown", "table_full", f"{self.host.name}: {self.tracker.full}")
        # a known entry changes now, whatever becomes of the packet; a new one is kept only when the packet survives
        tracker = self.tracker if connection.fresh else self.tracker.commit(connection)
        if connection.replaces is not None:
            tracker = tracker.forget(connection.replaces)
        if connection.noted is not None:
            tracker = tracker.note(connection.noted)
        return changed(self, connection=connection, tracker=tracker, ct_mark=connection.mark)

    def filters_at(self, hook: str, low: int = _MIN, high: int = _MAX, oif: str | None = None) -> Passage:
        device = self.iif if hook == "ingress" else oif
        if self.end is not None or not self.host.ruleset.meets(hook, self.family, device, _FILTERS, low, high):
            return self
        return self.take(self.run(hook, oif, _FILTERS, low, high))

    def run(self, hook: str, oif: str | None, kind: tuple[str, ...], low: int, high: int) -> Filtered:
        situation = Situation(
            self.host,
            hook,
            self.packet,
            self.iif if hook != "output" else None,
            oif,
            self.connection,
            mark=self.packet.mark,
            ct_mark=self.ct_mark,
            unknown_mark=self.unknown_mark,
            picked=self.picked,
        )
        return self.host.ruleset.run(situation, kind, low, high)

    def take(self, filtered: Filtered) -> Passage:
        """Take over the verdict and the marks of some chains."""
        result = filtered.result
        now = filtered.situation
        connection = self.connection
        if connection.entry is not None and connection.entry.mark != now.ct_mark:
            connection = changed(connection, entry=changed(connection.entry, mark=now.ct_mark))
        if filtered.offload is not None:
            connection = flowtable.begin(self.host, connection, now.packet, self.iif, self.decision, filtered.offload)
        tracker = self.tracker if connection.fresh else self.tracker.commit(connection)
        kept = (result,) if result.rule or result.stateful else ()
        passage = changed(
            self,
            packet=changed(self.packet, mark=now.mark, tos=now.packet.tos),
            connection=connection,
            tracker=tracker,
            ct_mark=now.ct_mark,
            unknown_mark=now.unknown_mark,
            filters=(*self.filters, *kept),
            rerouted=self.rerouted or filtered.changed_route,
        )
        if result.verdict == "reject" and result.reason == "tcp reset":
            passage = passage.reset()
        if result.verdict in ("drop", "reject"):
            what = "drops" if result.verdict == "drop" else "rejects"
            state = f" a packet in state {connection.state}" if result.stateful and connection.state else ""
            told = f"{self.host.name}: {result.rule} {what}{state}".rstrip()
            expecting = expectations.who_may_expect(self.host, self.packet.flow) if connection.fresh else ""
            if expecting:
                return passage.stop("unknown", "expected", f"{told}, but it would be related if the helper of the "
                                    f"{expecting} expects it: conntrack -L expect")
            return passage.stop("drop", "filter", told)
        if result.verdict != "accept":
            return passage.stop("unknown", "", f"{self.host.name}: {result.rule}: {result.reason}")
        return passage

    def reset(self) -> Passage:
        """nf_send_reset: a known connection is closed by it; without one the reset itself is tracked as it leaves."""
        entry, answer = self.connection.entry, resets.reset_to(self.packet)
        if answer is None or self.connection.fresh or not self.connection.state:
            return self
        if entry is not None and entry.tcp is not None:
            closed = changed(entry, tcp=changed(entry.tcp, state="CLOSE"))
            connection = changed(self.connection, entry=closed)
            return changed(self, connection=connection, tracker=self.tracker.note(closed))
        passage = Passage.start(self.host, self.tracker, answer, None)
        sent = [one for way in routing.route_any_source(self.host, answer) for one in passage.leave(way, None)]
        return changed(self, tracker=t.cast(Tracker, sent[0].finish().tracker))

    # translation
    def to_destination(self, hook: str, oif: str | None = None) -> Passage:
        """Prerouting or output at the place where destinations are rewritten."""
        return self._translate(hook, oif, None)

    def to_source(self, hook: str, oif: str | None = None, next_hop: str | None = None) -> Passage:
        """Postrouting or input at the place where sources are rewritten."""
        return self._translate(hook, oif, next_hop)

    def _translate(self, hook: str, oif: str | None, next_hop: str | None) -> Passage:
        entry = self.connection.entry
        if self.end is not None or entry is None:
            return self
        passage, sources = self, hook in ("postrouting", "input")
        if self.packet.about is not None:
            told = translation.translate_error(self.packet, self.connection, sources)
            return changed(self, packet=told)
        if self.connection.fresh:
            filtered = self.run(hook, oif, _NAT, _MIN, _MAX)
            passage = self.take(filtered)
            rule = filtered.result.translation
            if passage.end is None and rule is not None:
                passage = passage.bind(entry, rule, hook, oif, next_hop)
            if passage.end is None and sources:
                passage = passage.take_free_port()
        elif hook == "postrouting" and self.connection.direction == "original":
            passage = self.check_masquerade(entry, oif)
        if passage.end is not None:
            return passage
        rewrite = translation.translate_source if sources else translation.translate_destination
        flow = rewrite(passage.packet.flow, passage.connection)
        if flow is passage.packet.flow:
            return passage
        return changed(passage, packet=changed(passage.packet, flow=flow))

    def take_free_port(self) -> Passage:
        """nf_nat_l4proto_unique_tuple: where another connection has the same tuple, the kernel takes another port."""
        entry = self.connection.entry
        if (
            entry is None
            or entry.original.sport is None  # an echo whose id is not known
            or not self.host.ruleset.translates(self.family)
            or not self.tracker.is_taken(entry)
        ):
            return self
        entry = changed(entry, reply=changed(entry.reply, dport=None))
        return changed(self, connection=changed(self.connection, entry=entry))

    def check_masquerade(self, entry: Entry, oif: str | None) -> Passage:
        """nf_nat_oif_changed: a masqueraded connection may not leave by another interface: dropped, and forgotten."""
        if entry.masquerade in ("", oif):
            return self
        if entry.masquerade == MAYBE:
            if self.host.owns(entry.reply.destination) == oif:
                return self
            why = f"whether the connection {entry.original} is masqueraded is not known, and it leaves by {oif}"
            return self.stop("unknown", "", f"{self.host.name}: {why}")
        gone = changed(
            self, connection=Connection(self.connection.state), tracker=self.tracker.forget(entry)
        )
        why = f"{self.host.name}: the connection is masqueraded by {entry.masquerade} and would leave by {oif}"
        return gone.stop("drop", "filter", why)

    def bind(self, entry: Entry, rule: Translation, hook: str, oif: str | None, next_hop: str | None) -> Passage:
        """Set up the translation of a new connection."""
        try:
            if hook in ("postrouting", "input"):
                entry = translation.bind_source(
                    self.host, entry, rule, oif or "", next_hop, self.tracker.entries
                )
            else:
                entry = translation.bind_destination(self.host, entry, rule, self.iif)
        except translation.TranslationUnknown as error:
            return self.stop("unknown", "", str(error))
        return changed(self, connection=changed(self.connection, entry=entry))

    # after routing
    def after_routing(self, decision: Decision, ingress: str) -> Passage:
        """Input or forward and postrouting, for one branch of the routing decision."""
        passage = changed(self, decision=decision, share=decision.share, iif=ingress)
        doubt = passage.mark_doubt()
        if doubt:
            return passage.stop("unknown", "", doubt)
        if decision.outcome == "local":
            return passage.deliver()
        if decision.outcome != "forward":
            return passage.stop(decision.outcome, decision.reason, decision.detail)
        return passage.filters_at("forward", oif=decision.device).depart(decision.device, decision.next_hop)

    def deliver(self) -> Passage:
        passage = self.filters_at("input", _MIN, NAT_SRC).to_source("input").filters_at("input", NAT_SRC, _MAX)
        return passage if passage.end is not None else passage.stop("local", "", "")

    def depart(self, oif: str | None, next_hop: str | None) -> Passage:
        """Postrouting, and the wire."""
        passage = self.filters_at("postrouting", _MIN, NAT_SRC, oif).to_source("postrouting", oif, next_hop)
        passage = passage.filters_at("postrouting", NAT_SRC, _MAX, oif).at_device("egress", oif or "")
        return passage if passage.end is not None else passage.stop("forward", "", "")

    def leave(self, decision: Decision, bound: str | None) -> list[Passage]:
        """Output, a second lookup where a rule changed mark or destination, and postrouting."""
        passage = changed(self, decision=decision, share=decision.share)
        if passage.end is not None:
            return [passage]
        if decision.outcome not in ("forward", "local"):
            return [passage.stop(decision.outcome, decision.reason, decision.detail)]
        oif = decision.device if decision.outcome == "forward" else "lo"
        passage = passage.through_vrf(self.host.vrf_of(oif), oif)
        before = passage.packet.flow.destination
        passage = passage.track("output", oif).to_destination("output", oif).filters_at("output", NAT_DST, _MAX, oif)
        doubt = passage.mark_doubt() if passage.rerouted or passage.unknown_mark else ""
        if passage.end is not None or doubt:
            return [passage.stop("unknown", "", doubt) if doubt else passage]
        if not passage.rerouted and passage.packet.flow.destination == before:
            return [passage.onward(decision)]
        # ip_route_me_harder: the source stays, whatever it was chosen for
        again = routing.route_output(self.host, passage.packet, bound)
        return [changed(passage, decision=one, share=one.share, split=True).onward(one) for one in again]

    def through_vrf(self, vrf: str | None, oif: str | None) -> Passage:
        """vrf_ip_out: what leaves by a member of a VRF first goes out by the VRF itself, where it is not tracked."""
        if vrf in (None, oif):
            return self
        passage = changed(self, connection=Connection("untracked"))
        passage = passage.filters_at("output", oif=vrf).filters_at("postrouting", oif=vrf)
        if passage.end is not None:
            return passage
        return changed(passage, connection=self.connection, iif=vrf)  # ip_output: skb->dev is still the VRF

    def onward(self, decision: Decision) -> Passage:
        if decision.outcome == "forward":
            return self.depart(decision.device, decision.next_hop)
        if decision.outcome != "local":
            return self.stop(decision.outcome, decision.reason, decision.detail)
        # to an address of the host itself: over lo, where prerouting meets the packet with its connection
        passage = self.filters_at("postrouting", _MIN, NAT_SRC, "lo").to_source("postrouting", "lo")
        passage = changed(passage.filters_at("postrouting", NAT_SRC, _MAX, "lo"), iif="lo")
        return passage.confirm().come_back().deliver()

    def come_back(self) -> Passage:
        """Prerouting once more, as from lo or a VRF: what no connection was found for is tracked again, maybe in
        another zone."""
        if self.end is not None:
            return self
        if self.connection.state != "invalid":
            return self.filters_at("prerouting")
        again = changed(self, connection=Connection()).track("prerouting")
        return again.to_destination("prerouting").filters_at("prerouting", NAT_DST, _MAX)

    def confirm(self) -> Passage:
        """nf_conntrack_confirm: from here on the connection is in the table, whatever becomes of the packet."""
        if self.end is not None or not self.connection.fresh:
            return self
        connection = changed(self.connection, fresh=False)
        return changed(self, connection=connection, tracker=self.tracker.commit(connection))

    def mark_doubt(self) -> str:
        """Say so where a rule of routing selects a mark that netfilter may or may not have set."""
        if not self.unknown_mark:
            return ""
        for rule in self.host.rules[self.family]:
            if rule.fwmark is not None and rule.fwmask & self.unknown_mark:
                return f"{self.host.name}: rule {rule.priority} selects a mark that a netfilter rule may set or not"
        return ""

    def finish(self) -> Transit:
        """The fate, with the connection table that the packet leaves behind."""
        survived = self.end in ("forward", "local")
        entry = self.connection.entry
        translated = entry is not None and (entry.source_translated or entry.destination_translated)
        decision = self.decision
        forwarded = self.end == "forward" and decision is not None
        return Transit(
            outcome=self.end or "unknown",
            share=self.share,
            packet=changed(self.packet, mark=0) if forwarded else self.packet,  # a mark stays on its host
            tracker=self.tracker.commit(self.connection) if survived else self.tracker,
            device=decision.device if forwarded and decision else None,
            next_hop=decision.next_hop if forwarded and decision else None,
            reason=self.reason,
            detail=self.detail,
            state=self.connection.state,
            stateful=translated or any(result.stateful for result in self.filters),
            lookup=decision.lookup if decision else None,
            reverse_path=decision.reverse_path if decision else None,
            filters=self.filters,
        )
