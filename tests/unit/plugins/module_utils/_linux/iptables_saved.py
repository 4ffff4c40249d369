# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules as iptables-save 1.8.9 prints them (both back ends print these alike), and what they are in the small form."""

from __future__ import annotations

IPV4 = [
    (
        "-j foo",
        "=> jump target=foo",
    ),
    (
        "-g bar",
        "=> goto target=bar",
    ),
    (
        "-m owner --uid-owner 1000-2000 -m owner ! --gid-owner 5 -j ACCEPT",
        "meta skuid == {'range': [1000, 2000]}, meta skgid != 5 or absent => accept",
    ),
    (
        "! -s 10.0.0.0/255.0.0.255 ! -i eth0 ! -o tun+ -p tcp -m tcp ! --dport 80:90 -j DROP",
        "ip saddr & 4278190335 != 10.0.0.0, meta iifname != eth0, meta oifname != tun*, meta l4proto == tcp, tcp "
        "dport != {'range': [80, 90]} => drop",
    ),
    (
        "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT",
        "meta l4proto == tcp, tcp flags & ['fin', 'syn', 'rst', 'ack'] == ['syn'] => accept",
    ),
    (
        "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT",
        "meta l4proto == tcp, tcp flags & ['fin', 'syn', 'rst', 'ack'] != ['syn'] => accept",
    ),
    (
        "-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j ACCEPT",
        "meta l4proto == tcp, tcp flags & ['fin', 'syn', 'rst', 'psh', 'ack', 'urg'] == [] => accept",
    ),
    (
        "-p tcp -m tcp --tcp-option 5 --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN,RST,PSH,ACK,URG -j ACCEPT",
        "meta l4proto == tcp, unknown(-m tcp --tcp-option 5 --tcp-flags FIN,SYN,RST,PSH,ACK,URG "
        "FIN,SYN,RST,PSH,ACK,URG) => accept",
    ),
    (
        "-p tcp -m multiport --dports 80,443,1000:2000 -j ACCEPT",
        "meta l4proto == tcp, th dport == [80, 443, '1000-2000'] => accept",
    ),
    (
        "-p udp -m multiport ! --ports 80,443 -j ACCEPT",
        "meta l4proto == udp, none(th sport == [80, 443], th dport == [80, 443]) => accept",
    ),
    (
        "-p icmp -m icmp --icmp-type 8 -j ACCEPT",
        "meta l4proto == icmp, icmp type == 8 => accept",
    ),
    (
        "-p icmp -m icmp --icmp-type 3/4 -j ACCEPT",
        "meta l4proto == icmp, icmp type == 3, icmp code == 4 => accept",
    ),
    (
        "-p icmp -m icmp --icmp-type any -j ACCEPT",
        "meta l4proto == icmp => accept",
    ),
    (
        "-p icmp -m icmp ! --icmp-type 3 -j ACCEPT",
        "meta l4proto == icmp, icmp type != 3 => accept",
    ),
    (
        "-m conntrack --ctstate NEW,UNTRACKED,SNAT -j ACCEPT",
        "any(ct state in ['new', 'untracked'], ct status in ['snat']) => accept",
    ),
    (
        "-m conntrack --ctproto 6 --ctorigsrc 10.0.0.0/8 ! --ctrepldst 1.1.1.1 --ctorigdstport 80:90 --ctdir "
        "REPLY -j ACCEPT",
        "ct protocol == 6, ct original ip saddr == 10.0.0.0/8, ct reply ip daddr != 1.1.1.1, ct original "
        "proto-dst == {'range': [80, 90]}, ct direction == reply => accept",
    ),
    (
        "-m conntrack --ctstatus NONE -j ACCEPT",
        "ct status in [] => accept",
    ),
    (
        "-m conntrack --ctstatus SEEN_REPLY,ASSURED --ctexpire 5:9 -j ACCEPT",
        "unknown(-m conntrack --ctstatus SEEN_REPLY,ASSURED --ctexpire 5:9) => accept",
    ),
    (
        "-m state --state INVALID -j DROP",
        "ct state in ['invalid'] => drop",
    ),
    (
        "-m mark --mark 0x5/0x7 -m connmark ! --mark 0x10/0xf0 -j ACCEPT",
        "meta mark & 7 == 5, ct mark & 240 != 16 => accept",
    ),
    (
        "-m addrtype --src-type LOCAL --dst-type BROADCAST,MULTICAST --limit-iface-in -j ACCEPT",
        "fib saddr . iif type == ['local'], fib daddr . iif type == ['broadcast', 'multicast'] => accept",
    ),
    (
        "-m iprange --src-range 10.0.0.1-10.0.0.5 ! --dst-range 10.0.0.1-10.0.0.5 -j ACCEPT",
        "ip saddr == {'range': ['10.0.0.1', '10.0.0.5']}, ip daddr != {'range': ['10.0.0.1', '10.0.0.5']} => accept",
    ),
    (
        "-m set --match-set foo src,dst -m set ! --match-set n dst -j ACCEPT",
        "ip saddr . meta l4proto . th dport == @foo, ip daddr != @n or absent => accept",
    ),
    (
        "-m set --match-set n dst ! --update-counters --packets-gt 5 -j ACCEPT",
        "unknown(-m set --match-set n dst ! --update-counters --packets-gt 5) => accept",
    ),
    (
        r'-m limit --limit 5/min -m comment --comment "a -j \"b\"" -j LOG --log-prefix "x -j ! "',
        "unknown(-m limit --limit 5/min) => log prefix=x -j !",
    ),
    (
        "-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a -m recent --set --name foo "
        "--mask 255.255.255.255 --rsource -j RETURN",
        "unknown(-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a), unknown(-m recent "
        "--set --name foo --mask 255.255.255.255 --rsource) => return",
    ),
    (
        "-m dscp --dscp 0x05 -m tos --tos 0x10/0x3f -j ACCEPT",
        "ip dscp == 5, ip tos & 63 == 16 => accept",
    ),
    (
        "-m length --length 5:9 -m pkttype --pkt-type multicast -m ttl --ttl-gt 5 -j ACCEPT",
        "unknown(-m length --length 5:9), meta pkttype == multicast, unknown(-m ttl --ttl-gt 5) => accept",
    ),
    (
        "-m time --timestart 10:00:00 --timestop 11:00:00 --datestop 2038-01-19T03:14:07 -j ACCEPT",
        "unknown(-m time --timestart 10:00:00 --timestop 11:00:00 --datestop 2038-01-19T03:14:07) => accept",
    ),
    (
        "-m mac --mac-source 00:11:22:33:44:55 -j ACCEPT",
        "unknown(-m mac --mac-source 00:11:22:33:44:55) => accept",
    ),
    (
        "-m physdev --physdev-is-bridged -j ACCEPT",
        "unknown(-m physdev --physdev-is-bridged) => accept",
    ),
    (
        '-m string --string "-j ACCEPT" --algo bm -j ACCEPT',
        "unknown(-m string --string -j ACCEPT --algo bm) => accept",
    ),
    (
        '-m u32 --u32 "0x0&0xff=0x5" -j ACCEPT',
        "unknown(-m u32 --u32 0x0&0xff=0x5) => accept",
    ),
    (
        "-f -j DROP",
        "ip frag-off & 8191 != 0 => drop",
    ),
    (
        "! -f -j DROP",
        "ip frag-off & 8191 == 0 => drop",
    ),
    (
        "-p gre -j DROP",
        "meta l4proto == gre => drop",
    ),
    (
        "-p 99 -j DROP",
        "meta l4proto == 99 => drop",
    ),
    (
        "! -p esp -j DROP",
        "meta l4proto != esp => drop",
    ),
    (
        "-j REJECT --reject-with icmp-port-unreachable",
        "=> reject with=icmp port-unreachable",
    ),
    (
        "-p tcp -j REJECT --reject-with tcp-reset",
        "meta l4proto == tcp => reject with=tcp reset",
    ),
    (
        "-j REJECT --reject-with icmp-admin-prohibited",
        "=> reject with=icmp admin-prohibited",
    ),
    (
        "-j NFQUEUE --queue-num 5 --queue-bypass",
        "=> queue",
    ),
    (
        '-j NFLOG --nflog-prefix "a b" --nflog-group 5',
        "=> log",
    ),
    (
        "-j AUDIT --type accept",
        "=> log",
    ),
    (
        "-m devgroup --src-group 0x5",
        "meta iifgroup == 5 =>",
    ),
    (
        "-m connlimit --connlimit-above 5 --connlimit-mask 32 --connlimit-saddr -j DROP",
        "unknown(-m connlimit --connlimit-above 5 --connlimit-mask 32 --connlimit-saddr) => drop",
    ),
    (
        "-m connbytes --connbytes 5 --connbytes-mode bytes --connbytes-dir both -j DROP",
        "unknown(-m connbytes --connbytes 5 --connbytes-mode bytes --connbytes-dir both) => drop",
    ),
    (
        "-m policy --dir in --pol none -j DROP",
        "unknown(-m policy --dir in --pol none) => drop",
    ),
    (
        "-j SET --add-set n src --exist",
        "=> update_set set=n",
    ),
    (
        "-p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.5:80-90 --random --persistent",
        "meta l4proto == tcp => dnat family=4 address=10.0.0.1-10.0.0.5 port=80-90 random=True persistent=True",
    ),
    (
        "-p tcp -j DNAT --to-destination :81",
        "meta l4proto == tcp => dnat family=4 port=81",
    ),
    (
        "-p tcp -j DNAT --to-destination 10.0.0.1:5000-5010/6000",
        "meta l4proto == tcp => unknown unknown=-j DNAT --to-destination 10.0.0.1:5000-5010/6000",
    ),
    (
        "-p tcp -j REDIRECT --to-ports 80",
        "meta l4proto == tcp => redirect port=80",
    ),
    (
        "-d 10.1.0.0/24 -j NETMAP --to 10.2.0.0/24",
        "ip daddr == 10.1.0.0/24 => netmap family=4 address=10.2.0.0/24",
    ),
    (
        "-p tcp -j MASQUERADE --to-ports 1000-2000 --random",
        "meta l4proto == tcp => masquerade port=1000-2000 random=True",
    ),
    (
        "! -s 10.0.0.1/32 -o eth+ -p tcp -j SNAT --to-source 1.1.1.1:5",
        "ip saddr != 10.0.0.1, meta oifname == eth*, meta l4proto == tcp => snat family=4 address=1.1.1.1 port=5",
    ),
    (
        "-j MARK --set-xmark 0x5/0xffffffff",
        "=> set_mark value=5",
    ),
    (
        "-j MARK --set-xmark 0x5/0x7",
        "=> set_mark value=5 mask=7",
    ),
    (
        "-j MARK --set-xmark 0x0/0xfffffffa",
        "=> set_mark value=0 mask=4294967290",
    ),
    (
        "-j MARK --set-xmark 0x5/0x5",
        "=> set_mark value=5 mask=5",
    ),
    (
        "-j MARK --set-xmark 0x5/0x0",
        "=> set_mark value=5 mask=0 xor=True",
    ),
    (
        "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff",
        "=> set_ct_mark value=meta mark",
    ),
    (
        "-j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0xf0",
        "=> set_mark value=ct mark mask=240",
    ),
    (
        "-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff",
        "=> set_mark value=ct mark mask=255",
    ),
    (
        "-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xf",
        "=> set_ct_mark value={'of': 'meta mark', 'and': 255, 'or': 0} mask=15 xor=True",
    ),
    (
        "-j CONNMARK --set-xmark 0x7/0xf",
        "=> set_ct_mark value=7 mask=15",
    ),
    (
        "-j TOS --set-tos 0x10/0xff",
        "=> set_tos value=16 mask=255",
    ),
    (
        "-j DSCP --set-dscp 0x2e",
        "=> set_tos value=184 mask=252",
    ),
    (
        "-j TTL --ttl-inc 1",
        "=> last",
    ),
    (
        "-p tcp -j TPROXY --on-port 5 --on-ip 0.0.0.0 --tproxy-mark 0x1/0x1",
        "meta l4proto == tcp => unknown unknown=-j TPROXY --on-port 5 --on-ip 0.0.0.0 --tproxy-mark 0x1/0x1",
    ),
    (
        "-m statistic --mode nth --every 2 --packet 0 -j MARK --set-xmark 0x1/0xffffffff",
        "unknown(-m statistic --mode nth --every 2 --packet 0) => set_mark value=1",
    ),
    (
        "-m statistic --mode random --probability 0.50000000000 -j RETURN",
        "unknown(-m statistic --mode random --probability 0.50000000000) => return",
    ),
    (
        "-j HMARK --hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-rnd 0x00000001 --hmark-mod 2 --hmark-offset 5",
        "=> set_mark value={'hmark': {'mod': 2, 'offset': 5}}",
    ),
    (
        "-j CLASSIFY --set-class 0001:0002",
        "=> last",
    ),
    (
        "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
        "meta l4proto == tcp, tcp flags & ['syn', 'rst'] == ['syn'] => set_mss value=rt mtu",
    ),
    (
        "-m rpfilter --loose --validmark --accept-local --invert -j DROP",
        "rpfilter accept-local loose validmark == False => drop",
    ),
    (
        "-j CT --zone 5",
        "=> set_zone value=5 unless_set=True",
    ),
    (
        "-j CT --zone-orig 6",
        "=> set_zone value=6 unless_set=True direction=original",
    ),
    (
        "-j CT --zone-reply mark",
        "=> set_zone value=meta mark unless_set=True direction=reply",
    ),
    (
        "-j CT --zone mark",
        "=> set_zone value=meta mark unless_set=True",
    ),
    (
        "-j NOTRACK",
        "=> notrack",
    ),
    (
        "-j CT --notrack",
        "=> notrack",
    ),
    (
        "-p tcp -j CT --ctevents new",
        "meta l4proto == tcp => ct_template",
    ),
    (
        "-j TRACE",
        "=> log",
    ),
]  # fmt: skip
IPV6 = [
    (
        "-s 2001:db8::/32 -p ipv6-icmp -m icmp6 --icmpv6-type 1/4 -j ACCEPT",
        "ip6 saddr == 2001:db8::/32, meta l4proto == ipv6-icmp, icmpv6 type == 1, icmpv6 code == 4 => accept",
    ),
    (
        "-p ipv6-icmp -m icmp6 --icmpv6-type 128 -j REJECT --reject-with icmp6-adm-prohibited",
        "meta l4proto == ipv6-icmp, icmpv6 type == 128 => reject with=icmpv6 adm-prohibited",
    ),
    (
        "-s 2001::/ffff::ffff -m addrtype --dst-type LOCAL -m hl --hl-eq 5 -j ACCEPT",
        "ip6 saddr & 340277174624079928635746076935439056895 == 2001::, fib daddr type == ['local'], unknown(-m "
        "hl --hl-eq 5) => accept",
    ),
    (
        "-m frag --fragfirst -j ACCEPT",
        "any() => accept",
    ),
    (
        "-m rt --rt-type 0 -j DROP",
        "any() => drop",
    ),
    (
        "-m ipv6header --header ipv6-frag --soft -j DROP",
        "unknown(-m ipv6header --header ipv6-frag --soft) => drop",
    ),
    (
        "-p tcp -j DNAT --to-destination [2001:db8::1]:80-90",
        "meta l4proto == tcp => dnat family=6 address=2001:db8::1 port=80-90",
    ),
    (
        "-p tcp -j DNAT --to-destination 2001:db8::1",
        "meta l4proto == tcp => dnat family=6 address=2001:db8::1",
    ),
    (
        "-p tcp -j DNAT --to-destination [2001:db8::1-2001:db8::5]:80",
        "meta l4proto == tcp => dnat family=6 address=2001:db8::1-2001:db8::5 port=80",
    ),
    (
        "-p tcp -j DNAT --to-destination 2001:db8::1-2001:db8::5",
        "meta l4proto == tcp => dnat family=6 address=2001:db8::1-2001:db8::5",
    ),
    (
        "-p tcp -j SNAT --to-source [2001:db8::1]:80-90",
        "meta l4proto == tcp => snat family=6 address=2001:db8::1 port=80-90",
    ),
    (
        "-d 2001:db8::/64 -j NETMAP --to 2001:db9::/64",
        "ip6 daddr == 2001:db8::/64 => netmap family=6 address=2001:db9::/64",
    ),
    (
        "-m rpfilter -j DROP",
        "rpfilter == True => drop",
    ),
]  # fmt: skip
