# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What remedies would do to every flow: verdicts before and after, on the planned state of the hosts."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.remedy import apply_to_facts, plan_remedy
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.prefix_flow import assess
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import ORDER, FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts


class ForecastError(ValueError):
    """A remedy cannot be planned on its host; the message is the planner's."""


@dataclasses.dataclass(frozen=True)
class Step:
    """A role with its variables on a host."""

    role: str
    host: str
    variables: Facts


@dataclasses.dataclass(frozen=True)
class FlowForecast:
    """One flow's verdict now and on the planned state."""

    before: FlowVerdict
    after: FlowVerdict

    @property
    def change(self) -> str:
        """better, equal or worse; with the same verdict, the share that breaks decides."""
        was, will = ((ORDER.index(v.verdict), round(v.share_broken, 6)) for v in (self.before, self.after))
        if was[0] < 2 and will[0] < 2:
            return "equal"  # both work: a symmetric path is not needed where nothing keeps state
        return "equal" if was == will else "better" if will < was else "worse"

    def to_dict(self) -> dict[str, t.Any]:
        return {
            "name": self.before.name, "flow": str(self.before.named.flow), "live": self.before.named.live,
            "before": self.before.verdict, "after": self.after.verdict, "change": self.change,
            "summary_after": self.after.summary(), "share_after": self.after.share,
            "share_before": self.before.share, "share_broken_before": round(self.before.share_broken, 6),
        }

    def after_with_region(self) -> dict[str, t.Any]:
        """The verdict on the planned state; of a class of a prefix flow with ``flows``, what it is made of."""
        region = self.before.named.region
        return {**self.after.to_dict(), **({"flows": region.to_list()} if region else {})}


@dataclasses.dataclass(frozen=True)
class Forecast:
    """All flows, the live ones too."""

    flows: tuple[FlowForecast, ...]

    @property
    def better(self) -> list[str]:
        return [flow.before.name for flow in self.flows if flow.change == "better"]

    @property
    def worse(self) -> list[str]:
        return [flow.before.name for flow in self.flows if flow.change == "worse"]

    @property
    def mended(self) -> list[str]:
        """Flows that fail now and will work, both ways."""
        return [flow.before.name for flow in self.flows
                if flow.before.failing and flow.after.verdict in ("symmetric", "asymmetric_harmless")]

    def to_dict(self) -> dict[str, t.Any]:
        return {
            "flows": [flow.to_dict() for flow in self.flows], "better": self.better, "worse": self.worse,
            "mended": self.mended, "still_failing": [f.before.name for f in self.flows if f.after.failing],
        }


def planned(network: Network, steps: t.Iterable[Step]) -> Network:
    """The network as the steps would leave it; raises ForecastError where one cannot be planned."""
    facts: dict[str, Facts] = {}
    for step in steps:
        if step.host not in network.facts:
            raise ForecastError(f"{step.role} on {step.host}: the host was not read; there are "
                                f"{', '.join(sorted(network.facts))}")
        current = facts.get(step.host, network.facts[step.host])
        try:
            changes = plan_remedy(current, step.role, step.variables)
        except PlanError as error:
            raise ForecastError(f"{step.role} on {step.host}: {error}") from error
        facts[step.host] = apply_to_facts(current, changes)
    return network.with_facts(facts)


def forecast(
    network: Network, before: t.Sequence[FlowVerdict], steps: t.Iterable[Step], observed: Observed
) -> Forecast:
    """Judge every flow again on the planned state; what was observed about the outside stays true."""
    after = planned(network, steps)
    return Forecast(tuple(FlowForecast(told, assess(after, told.named, observed)) for told in before))
