# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of Palo Alto PAN-OS: a candidate that is shared, and commits that nothing takes back by itself."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_panos import PaloaltoPanos
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case, Wish
from ansible_collections.netpath.symmetry.tests.devices.fake_panos import PanosDevice

CONFIG = """<config version="10.1.0" urldb="paloaltonetworks" detail-version="10.1.14">
  <mgt-config><users><entry name="admin"><phash>$5$salt$hash</phash></entry></users></mgt-config>
  <shared><address><entry name="partner"><ip-netmask>172.16.9.0/24</ip-netmask></entry></address></shared>
  <devices><entry name="localhost.localdomain">
    <network>
      <interface>
        <ethernet>
          <entry name="ethernet1/1"><layer3><ip><entry name="198.51.100.2/30"/></ip></layer3></entry>
          <entry name="ethernet1/2"><layer3><ip><entry name="isp-b"/></ip></layer3></entry>
          <entry name="ethernet1/3"><layer3><units>
            <entry name="ethernet1/3.10"><tag>10</tag><ip><entry name="10.10.0.1/24"/></ip></entry>
            <entry name="ethernet1/3.50"><ip><entry name="10.50.0.1/24"/></ip></entry>
          </units></layer3></entry>
          <entry name="ethernet1/4"><layer2/></entry>
        </ethernet>
        <tunnel><units><entry name="tunnel.1"/></units></tunnel>
      </interface>
      <profiles>
        <monitor-profile><entry name="default"><interval>3</interval><threshold>5</threshold>
          <action>wait-recover</action></entry></monitor-profile>
        <zone-protection-profile><entry name="edge"><asymmetric-path>global</asymmetric-path></entry>
        </zone-protection-profile>
      </profiles>
      <virtual-router><entry name="default">
        <protocol><bgp>
          <enable>yes</enable><local-as>65001</local-as>
          <peer-group>
            <entry name="ISP-A"><peer><entry name="a1">
              <peer-address><ip>198.51.100.1</ip></peer-address><peer-as>64500</peer-as></entry></peer></entry>
            <entry name="ISP-B"><peer>
              <entry name="b1"><peer-address><ip>203.0.113.1</ip></peer-address></entry>
              <entry name="b2"><peer-address><ip>203.0.113.9</ip></peer-address></entry></peer></entry>
            <entry name="LAB"><peer><entry name="l1"><peer-address><ip>10.50.0.9</ip></peer-address></entry></peer>
            </entry>
          </peer-group>
          <policy>
            <import><rules><entry name="lab-in"><enable>yes</enable><used-by><member>LAB</member></used-by>
              <action><allow/></action></entry></rules></import>
            <export><rules/></export>
          </policy>
        </bgp></protocol>
        <interface><member>ethernet1/1</member><member>ethernet1/2</member></interface>
      </entry></virtual-router>
    </network>
    <deviceconfig><system><hostname>fw1</hostname><login-banner>Hands off &lt;this&gt;
set zone trust network layer3 ethernet1/1</login-banner></system></deviceconfig>
    <vsys><entry name="vsys1">
      <address><entry name="isp-b"><ip-netmask>203.0.113.2/30</ip-netmask></entry></address>
      <rulebase><pbf><rules>
        <entry name="guests" uuid="0c5a0c4e-0000-4000-8000-000000000001">
          <from><zone><member>trust</member></zone></from><source><member>10.10.0.128/25</member></source>
          <destination><member>partner</member></destination><source-user><member>any</member></source-user>
          <application><member>any</member></application><service><member>any</member></service>
          <action><forward><egress-interface>ethernet1/2</egress-interface></forward></action></entry>
        <entry name="old"><disabled>yes</disabled><from><interface><member>ethernet1/3.10</member></interface></from>
          <source><member>any</member></source><destination><member>any</member></destination>
          <application><member>any</member></application><service><member>any</member></service>
          <action><no-pbf/></action></entry>
      </rules></pbf></rulebase>
      <zone>
        <entry name="isp-a"><network><zone-protection-profile>edge</zone-protection-profile>
          <layer3><member>ethernet1/1</member></layer3></network></entry>
        <entry name="isp-b"><network><layer3><member>ethernet1/2</member></layer3></network></entry>
        <entry name="trust"><network><layer3><member>ethernet1/3.10</member><member>ethernet1/3.50</member></layer3>
          </network></entry>
        <entry name="switch"><network><layer2><member>ethernet1/4</member></layer2></network></entry>
      </zone>
      <service><entry name="rdp"><protocol><tcp><port>3389</port></tcp></protocol></entry></service>
    </entry></vsys>
  </entry></devices>
</config>"""
PARTNER: Wish = {"name": "partner", "interface": "ethernet1/3.10", "next_hop": "203.0.113.1", "protocol": "tcp",
                 "sources": ["10.10.0.0/25"], "destinations": ["172.16.0.0/16"], "dports": [443, 8443],
                 "verify": True}
REPLIES: Wish = {"name": "replies", "interface": "ethernet1/2", "next_hop": "10.10.0.20",
                 "destinations": ["10.10.0.20/32"], "return_next_hops": ["203.0.113.1"]}
PLAIN: Wish = {"policies": [{"name": "backup", "interface": "ethernet1/3.50", "next_hop": "198.51.100.1",
                             "sources": ["10.50.0.0/24"]}]}
BGP: Wish = {"bgp": [{"neighbor": "198.51.100.1", "asn": 65001, "prepend": 2, "med": 50, "local_preference": 300}]}
ZONES: Wish = {"zones": [{"interface": "ethernet1/3.50", "zone": "isp-b"}]}
WEAKEN: Wish = {"name": "failover", "setting": "asymmetric_path", "consent": True, "by": "ops", "reason": "migration",
                "until": "2099-01-01", "zone": "isp-b"}
ASKED = ("show jobs all", "show config list changes", "show config diff", "show config-locks", "show commit-locks")
RULE = "set rulebase pbf rules NPS-backup"

CASE = Case(
    PaloaltoPanos, lambda: PanosDevice("fw1", CONFIG),
    everything={"policies": [PARTNER, REPLIES], **BGP, **ZONES, "weaken": [WEAKEN]},
    away=({"policies": [PARTNER, REPLIES], **BGP, "weaken": [WEAKEN], "state": "absent"},
          {"zones": [{"interface": "ethernet1/3.50", "zone": "trust"}]}),
    small=PLAIN,
    promised=(
        "show config running", *ASKED,
        "configure",
        f"{RULE} from interface ethernet1/3.50", f"{RULE} source 10.50.0.0/24", f"{RULE} destination any",
        f"{RULE} disabled no", f"{RULE} source-user any", f"{RULE} application any", f"{RULE} service any",
        f"{RULE} action forward egress-interface ethernet1/1",
        f"{RULE} action forward nexthop ip-address 198.51.100.1",
        f"{RULE} enforce-symmetric-return enabled no",
        "commit partial admin admin", "exit",
        "show config running",
    ),
    in_the_way=(
        ({"policies": [{**PARTNER, "sources": ["10.10.0.0/24"]}]}, "the rule guests of policy-based forwarding"),
        ({"policies": [{**PARTNER, "next_hop": "192.0.2.9"}]}, "no interface has a fixed address beside"),
        ({"policies": [{**PARTNER, "interface": "ethernet1/4"}]}, "no interface 'ethernet1/4' that routes"),
        ({"policies": [{**PARTNER, "protocol": "icmp", "dports": []}]}, "only as an application"),
        ({"policies": [{**REPLIES, "interface": "tunnel.1"}]}, "needs an Ethernet interface"),
        ({"policies": [{**REPLIES, "return_next_hops": [f"203.0.113.{number}" for number in range(1, 10)]}]},
         "9 return_next_hops; PAN-OS takes 8"),
        ({"bgp": [{"neighbor": "203.0.113.1", "asn": 65001, "med": 5}]}, "has other neighbors too (203.0.113.9)"),
        ({"bgp": [{"neighbor": "10.50.0.9", "asn": 65001, "local_preference": 300}]}, "the import rule lab-in already"),
        ({"bgp": [{"neighbor": "198.51.100.1", "asn": 65002, "med": 5}]}, "is of autonomous system 65001, not 65002"),
        ({"bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "med": 5}]}, "it has 198.51.100.1, 203.0.113.1"),
        ({"zones": [{"interface": "ethernet1/1", "zone": "dmz"}]}, "there are isp-a, isp-b, trust, switch"),
        ({"zones": [{"interface": "ethernet1/1", "zone": "switch"}]}, "none of routing interfaces"),
        ({"weaken": [{**WEAKEN, "zone": "isp-a"}]}, "zone isp-a has the zone-protection profile edge already"),
        ({"weaken": [{**WEAKEN, "interface": "ethernet1/2"}]}, "give zone, and leave interface out"),
        ({"weaken": [{**WEAKEN, "setting": "no_syn_check"}]}, "PAN-OS has asymmetric_path, not no_syn_check"),
    ),
)
