# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network managers that real hosts run: how each is told of the links, and what can happen to it."""

from __future__ import annotations

import dataclasses
import json
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


def managers() -> dict[str, Manager]:
    """All of them by name."""
    networkd, networkmanager = _networkd(), _networkmanager()
    found = [networkd, _ifupdown(), networkmanager, _netplan("networkd", networkd),
             _netplan("NetworkManager", networkmanager)]
    return {manager.name: manager for manager in found}
