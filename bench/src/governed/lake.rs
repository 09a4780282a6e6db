//! Who asks? An analyst with one row filter on `lineitem` and masks on `customer.c_name` and `orders.o_orderdate`.

use std::path::Path;

use super::queries::TABLES;
use crate::Failure;

/// Key of the analyst.
pub const KEY: &str = "bench-analyst-key-0123456789-0123456789";

/// What stands below a table.
const GOVERNED: &[(&str, &str)] = &[
    (
        "lineitem",
        "    filters:\n      some: {where: \"l_shipmode IN ('AIR','RAIL','SHIP','TRUCK')\"}\n",
    ),
    (
        "customer",
        "    filters:\n      all: {where: \"TRUE\", except: [c_name]}\n    masks:\n      c_name: {first: {func: show-first-4, rank: 10}}\n",
    ),
    (
        "orders",
        "    filters:\n      all: {where: \"TRUE\", except: [o_orderdate]}\n    masks:\n      o_orderdate: {month: {func: truncate-to-month, rank: 10}}\n",
    ),
];

const GRANTS: &str = "grants:
  - {to: \"user:ana\", privileges: [select-filtered], resource: \"filter:lake.tpch.lineitem/some\"}
  - {to: \"user:ana\", privileges: [select-filtered], resource: \"filter:lake.tpch.customer/all\"}
  - {to: \"user:ana\", privileges: [select-filtered], resource: \"filter:lake.tpch.orders/all\"}
  - {to: \"user:ana\", privileges: [select-masked], resource: \"table:lake.tpch.customer\"}
  - {to: \"user:ana\", privileges: [select-masked], resource: \"table:lake.tpch.orders\"}
  - {to: \"user:ana\", privileges: [select], resource: \"table:lake.tpch.part\"}
  - {to: \"user:ana\", privileges: [select], resource: \"table:lake.tpch.partsupp\"}
  - {to: \"user:ana\", privileges: [select], resource: \"table:lake.tpch.supplier\"}
  - {to: \"user:ana\", privileges: [select], resource: \"table:lake.tpch.nation\"}
keys:
  ana: {user: ana, secret: \"env://BENCH_ANALYST_KEY\"}
";

/// Writes the lake below `directory`; its tables are links to the files in `data`.
pub fn write(directory: &Path, data: &Path) -> Result<(), Failure> {
    let mut text = "lake: bench
connections:
  store: {connector: files, options: {root: \"../files\"}}
catalogs:
  lake: {connection: store, default: true}
databases:
  lake.tpch: {location: \"tpch/\"}
users:
  ana: {kind: human}
tables:
"
    .to_owned();
    for table in TABLES {
        let folder = directory.join("files/tpch").join(table);
        std::fs::create_dir_all(&folder)?;
        // A copy: a link could lead out of the source's root.
        std::fs::copy(data.join(format!("{table}.parquet")), folder.join("part-0.parquet"))?;
        text.push_str(&format!(
            "  lake.tpch.{table}:\n    format: parquet\n    location: \"{table}/\"\n    columns: infer\n"
        ));
        text.extend(
            GOVERNED
                .iter()
                .filter(|(name, _)| name == table)
                .map(|(_, below)| *below),
        );
    }
    text.push_str(GRANTS);
    std::fs::create_dir_all(directory.join("lake"))?;
    std::fs::write(directory.join("lake/lake.yaml"), text)?;
    Ok(())
}
