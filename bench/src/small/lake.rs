//! Which lake is measured? One small Parquet table with a row filter, a mask and an analyst.

use std::{fs::File, path::Path, sync::Arc};

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, StringArray},
    record_batch::RecordBatch,
};
use parquet::arrow::ArrowWriter;

use crate::Failure;

/// Key of the analyst.
pub const ANALYST_KEY: &str = "bench-analyst-key-0123456789-0123456789";

const ROWS: i64 = 1_000;

const LAKE: &str = r#"lake: bench
connections:
  store: {connector: files, options: {root: "../files"}}
catalogs:
  lake: {connection: store, default: true}
databases:
  lake.sales: {location: "sales/"}
tables:
  lake.sales.orders:
    format: parquet
    location: "orders/"
    columns:
      - {name: id, type: bigint}
      - {name: region, type: varchar}
      - {name: ssn, type: varchar}
      - {name: amount, type: double}
    filters:
      eu: {where: "region IN ('DE','FR')", except: [ssn]}
    masks:
      ssn: {last4: {func: show-last-4, rank: 10}}
roles:
  analyst: {}
users:
  ana: {roles: [analyst], kind: human}
grants:
  - {to: "role:analyst", privileges: [select-filtered], resource: "filter:lake.sales.orders/eu"}
  - {to: "role:analyst", privileges: [select-masked], resource: "mask:lake.sales.orders.ssn/last4"}
keys:
  ana: {user: ana, secret: "env://BENCH_ANALYST_KEY"}
"#;

/// Writes files and lake below `directory`.
pub fn write(directory: &Path) -> Result<(), Failure> {
    let files = directory.join("files/sales/orders");
    std::fs::create_dir_all(&files)?;
    std::fs::create_dir_all(directory.join("lake"))?;
    std::fs::write(directory.join("lake/lake.yaml"), LAKE)?;
    let regions = ["DE", "FR", "US", "JP"];
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS));
    let region: ArrayRef = Arc::new(StringArray::from_iter_values((0..ROWS).map(|id| {
        usize::try_from(id % 4)
            .ok()
            .and_then(|index| regions.get(index))
            .copied()
            .unwrap_or_default()
    })));
    let ssn: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..ROWS).map(|id| format!("111-22-{id:04}")),
    ));
    let amount: ArrayRef = Arc::new(Float64Array::from_iter_values((0..ROWS).map(|id| id as f64 / 7.0)));
    let batch = RecordBatch::try_from_iter([("id", ids), ("region", region), ("ssn", ssn), ("amount", amount)])?;
    let mut writer = ArrowWriter::try_new(File::create(files.join("part-0.parquet"))?, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}
