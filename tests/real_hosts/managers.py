# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network managers that real hosts run: how each is told of the links, and what can happen to it."""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ansible_collections.netpath.symmetry.tests.real_hosts.host import DEFAULT_LINK, LINKS, gateways


@dataclasses.dataclass(frozen=True)
class Manager:
    """A network manager as a host runs it; the scripts are what an administrator types."""

    name: str
    files: t.Mapping[str, str]
    units: tuple[str, ...]
    reload: str  # the manager reads its files again
    restart: str
    appeared: str = ""  # what tells the manager that LINK is there again, where only udev would


def _networkd() -> Manager:
    files = {}
    for link, (own, _far) in LINKS.items():
        lines = ["[Match]", f"Name={link}", "", "[Network]", *(f"Address={address}" for address in own)]
        lines += [f"Gateway={gateway}" for gateway in gateways(link) if link == DEFAULT_LINK]
        files[f"/etc/systemd/network/10-{link}.network"] = "\n".join(lines) + "\n"
    return Manager(
        "networkd", files, ("systemd-networkd.service",),
        # reload alone does nothing to a link whose files have not changed
        "networkctl reload; networkctl reconfigure wan_a wan_b", "systemctl restart systemd-networkd.service",
    )


def _ifupdown() -> Manager:
    lines = ["auto lo", "iface lo inet loopback"]
    for link, (own, _far) in LINKS.items():
        lines.append(f"auto {link}")
        for address, gateway in zip(own, gateways(link), strict=False):  # of one family, or of both
            lines.append(f"iface {link} {'inet6' if ':' in address else 'inet'} static")
            lines.append(f"    address {address}")
            lines += [f"    gateway {gateway}"] if link == DEFAULT_LINK else []
            lines += ["    dad-attempts 0"] if ":" in address else []
    again = "ifdown --force wan_a wan_b; ifup wan_a wan_b"
    return Manager(
        "ifupdown", {"/etc/network/interfaces": "\n".join(lines) + "\n"}, ("networking.service",),
        again, "systemctl restart networking.service", "ifdown --force LINK; ifup LINK",
    )


def _networkmanager() -> Manager:
    files = {}
    for link, (own, _far) in LINKS.items():
        lines = ["[connection]", f"id={link}", "type=ethernet", f"interface-name={link}", "autoconnect=true"]
        for number, family in enumerate(("ipv4", "ipv6")):
            lines += ["", f"[{family}]"]
            if number >= len(own):
                lines.append("method=disabled")
                continue
            gateway = f",{gateways(link)[number]}" if link == DEFAULT_LINK else ""
            lines += ["method=manual", f"address1={own[number]}{gateway}"]
        files[f"/etc/NetworkManager/system-connections/{link}.nmconnection"] = "\n".join(lines) + "\n"
    # What D-Bus starts to run the hooks, as its package enables it.
    alias = "dbus-org.freedesktop.nm-dispatcher.service"
    files[f"/etc/systemd/system/{alias}"] = "LINK /lib/systemd/system/NetworkManager-dispatcher.service"
    # Debian's own default leaves veth alone.
    files["/etc/NetworkManager/conf.d/10-lab.conf"] = "[device-lab]\nmatch-device=type:veth\nmanaged=1\n"
    return Manager(
        "networkmanager", files, ("NetworkManager.service",),
        "nmcli connection reload; nmcli connection up wan_a; nmcli connection up wan_b",
        "systemctl restart NetworkManager.service",
    )


def _netplan(renderer: str, base: Manager) -> Manager:
    ethernets = {}
    for link, (own, _far) in LINKS.items():
        settings: dict[str, t.Any] = {"addresses": list(own)}
        if link == DEFAULT_LINK:
            settings["routes"] = [{"to": "default", "via": gateway} for gateway in gateways(link)]
        ethernets[link] = settings
    text = json.dumps({"network": {"version": 2, "renderer": renderer, "ethernets": ethernets}}, indent=2)
    files = {"/etc/netplan/10-lab.yaml": f"{text}\n"}
    files.update({path: content for path, content in base.files.items() if "conf.d" in path or "dispatcher" in path})
    # What netplan apply does, but for its last step, which asks udev, and that cannot run in these hosts.
    apply = f"netplan generate && {base.reload.replace('connection up ', 'connection up netplan-')}"
    return Manager(f"netplan, {renderer}", files, base.units, apply, base.restart)


def _of_netplan(renderer: str) -> dict[str, t.Any]:
    """How netplan is told to take what there is at wan_a; of what it cannot say, the renderer is told by itself."""
    override = {"route-metric": LEASE_METRIC}
    return {"dhcp4": True, "dhcp4-overrides": override, "accept-ra": True,
            **({"dhcp6": False} if renderer == "networkd" else {"dhcp6": True, "dhcp6-overrides": override})}


def _with_leases(base: Manager) -> Manager:
    """The same manager, which takes address and gateway of wan_a from DHCP and router advertisements.

    Its default routes there are worse than those of the other uplink.
    """
    files = dict(base.files)
    if base.name == "networkd":
        files["/etc/systemd/network/10-wan_a.network"] = (
            "[Match]\nName=wan_a\n\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=yes\n\n"
            f"[DHCPv4]\nRouteMetric={LEASE_METRIC}\n\n{_RA}"
        )
    elif base.name == "networkmanager":
        files["/etc/NetworkManager/system-connections/wan_a.nmconnection"] = (
            "[connection]\nid=wan_a\ntype=ethernet\ninterface-name=wan_a\n"
            + "".join(f"\n[{family}]\nmethod=auto\nroute-metric={LEASE_METRIC}\n" for family in ("ipv4", "ipv6"))
        )
    elif base.name == "ifupdown":
        parts = re.split(r"(?m)^(?=auto |iface )", files["/etc/network/interfaces"])
        files["/etc/network/interfaces"] = "".join(part for part in parts if "wan_a" not in part) + (
            f"auto wan_a\niface wan_a inet dhcp\n    metric {LEASE_METRIC}\niface wan_a inet6 auto\n"
        )
        # The kernel hears the router.
        files["/etc/sysctl.d/60-router.conf"] = f"net.ipv6.conf.default.ra_defrtr_metric = {LEASE_METRIC}\n"
    else:
        document = json.loads(files["/etc/netplan/10-lab.yaml"])
        document["network"]["ethernets"]["wan_a"] = _of_netplan(document["network"]["renderer"])
        files["/etc/netplan/10-lab.yaml"] = f"{json.dumps(document, indent=2)}\n"
        if document["network"]["renderer"] == "networkd":  # netplan has no word for the metric of a router's route
            files["/etc/systemd/network/10-netplan-wan_a.network.d/router.conf"] = _RA
    return dataclasses.replace(base, name=f"{base.name}, leases", files=files)


LEASE_METRIC = 2048
_RA = f"[IPv6AcceptRA]\nRouteMetric={LEASE_METRIC}\nDHCPv6Client=no\n"


def managers() -> dict[str, Manager]:
    """All of them by name."""
    networkd, networkmanager = _networkd(), _networkmanager()
    found = [networkd, _ifupdown(), networkmanager, _netplan("networkd", networkd),
             _netplan("NetworkManager", networkmanager)]
    return {manager.name: manager for manager in (*found, *map(_with_leases, found))}
