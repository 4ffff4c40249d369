# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SuzieQ's ``path show`` on facts of ours; runs under the Python of SuzieQ, not under ours.

    suzieq_reference.py FOLDER < {"facts": {host: facts}, "flows": [[source, destination], ...]}

Writes the facts as parquet tables of SuzieQ's own schema into FOLDER, asks for the path of every flow (forward only, as
``path show`` does), and prints ``{"seconds": [...], "reached": [...]}``, one entry for each flow: how long the question
took, and whether the last hop of a path is the host that has the destination. Starting up is not counted.
"""

from __future__ import annotations

import json
import logging
import pathlib
import sys
import time

import pandas
import pyarrow
import suzieq
from suzieq.db.parquet.parquetdb import SqParquetDB
from suzieq.shared.schema import Schema, SchemaForTable
from suzieq.shared.utils import load_sq_config
from suzieq.sqobjects import get_sqobject

NOW = int(time.time() * 1000)
COMMON = {"namespace": "bench", "timestamp": NOW, "active": True, "deviceSession": NOW, "sqvers": "1.0"}


def tables(facts: dict) -> dict[str, list[dict]]:
    """The rows of each table: what SuzieQ would have read from these hosts."""
    rows: dict[str, list[dict]] = {"device": [], "interfaces": [], "routes": [], "arpnd": []}
    holders = {
        item["address"]: one.get("mac", "") for host in facts.values() for one in host["interfaces"].values()
        for item in one["addresses"]
    }
    for name, host in facts.items():
        common = {**COMMON, "hostname": name}
        rows["device"].append({**common, "status": "alive", "os": "linux", "vendor": "Debian", "address": name})
        for interface, one in host["interfaces"].items():
            rows["interfaces"].append({
                **common, "ifname": interface, "state": "up", "adminState": "up", "mtu": one["mtu"], "master": "",
                "type": "loopback" if interface == "lo" else "ethernet", "macaddr": one.get("mac", ""), "vlan": 0,
                "ipAddressList": [f"{i['address']}/{i['prefixlen']}" for i in one["addresses"] if i["family"] == 4],
                "ip6AddressList": [], "portmode": "routed", "ifindex": one["index"],
            })
        for route in host["routes"]:
            if (route["family"], route["table"]) != (4, 254):
                continue  # SuzieQ has no tables but those of VRFs
            legs = route["nexthops"]
            rows["routes"].append({
                **common, "vrf": "default", "prefix": route["dst"], "ipvers": 4, "action": "forward",
                "prefixlen": int(route["dst"].rpartition("/")[2]), "numNexthops": len(legs),
                "nexthopIps": [leg.get("gateway", "") for leg in legs], "oifs": [leg["device"] for leg in legs],
                "protocol": "kernel" if route.get("scope") == "link" else "static", "source": route.get("prefsrc", ""),
                "metric": route.get("metric", 0), "preference": 0, "weights": [1] * len(legs),
            })
            for leg in legs:
                gateway = leg.get("gateway")
                if gateway in holders:
                    rows["arpnd"].append({**common, "ipAddress": gateway, "oif": leg["device"], "state": "reachable",
                                          "remote": False, "macaddr": holders[gateway]})
    return rows


def neighbours_on_link(facts: dict) -> list[dict]:
    """What each router would have in its neighbour table of the servers behind it."""
    found = []
    for name, host in facts.items():
        if not name.startswith("server"):
            continue
        leaf = name.replace("server", "leaf").partition("_")[0]
        for one in host["interfaces"].values():
            for item in one["addresses"]:
                if item["family"] == 4 and item["prefixlen"] == 24:
                    found.append({**COMMON, "hostname": leaf, "ipAddress": item["address"], "oif": "servers",
                                  "state": "reachable", "remote": False, "macaddr": one["mac"]})
    return found


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    given = json.load(sys.stdin)
    (folder / "parquet").mkdir(parents=True, exist_ok=True)
    (folder / "suzieq-cfg.yml").write_text(
        f"data-directory: {folder}/parquet\ntemp-directory: {folder}\n"
    )
    config = str(folder / "suzieq-cfg.yml")
    loaded = load_sq_config(validate=False, config_file=config)
    schemas = Schema(str(pathlib.Path(suzieq.__file__).parent / "config" / "schema"))
    rows = tables(given["facts"])
    rows["arpnd"] += neighbours_on_link(given["facts"])
    engine = SqParquetDB(loaded, logging.getLogger())
    for table, listed in rows.items():
        schema = SchemaForTable(table, schemas)
        frame = pandas.DataFrame(listed).drop_duplicates(subset=[c for c in schema.key_fields() if c in listed[0]])
        frame["sqvers"] = schema.version
        arrow = schema.get_arrow_schema()
        for field in arrow:
            if field.name not in frame and pyarrow.types.is_list(field.type):
                frame[field.name] = [[] for _row in range(len(frame))]
        engine.write(table, "pandas", frame, True, arrow, f"sqc-h1-0-{NOW}-{NOW}-" + "{i}.parquet")
    path = get_sqobject("path")(config_file=config)
    seconds, reached = [], []
    for source, destination in given["flows"]:
        began = time.perf_counter()
        answer = path.get(namespace=["bench"], src=source, dest=destination)
        seconds.append(time.perf_counter() - began)
        owner = next(name for name, host in given["facts"].items() for one in host["interfaces"].values()
                     for item in one["addresses"] if item["address"] == destination)
        reached.append("hostname" in answer and owner in set(answer["hostname"]))
    json.dump({"seconds": seconds, "reached": reached}, sys.stdout)


if __name__ == "__main__":
    main()
