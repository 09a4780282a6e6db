//! Which rows does `lake.sales.orders` hold? The fixture of governance.md §9.3, in files and in memory.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use chrono::Utc;
use datafusion::{
    arrow::{
        array::{
            ArrayRef, Decimal128Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
            TimestampMicrosecondArray,
        },
        buffer::OffsetBuffer,
        datatypes::{DataType, Field, Fields, Schema, SchemaRef},
    },
    parquet::{arrow::ArrowWriter, file::properties::WriterProperties},
};
use lakegate_catalog::{
    id::ObjectId,
    object::{LOCAL_LAKE, Noun, Stored},
    relation::Column,
};
use lakegate_query::type_name::type_text;

pub use crate::lake::{Lake, orders};

pub fn id(text: &str) -> ObjectId {
    ObjectId::from_stored(text)
}

pub fn stored<B: Noun>(id_text: &str, name: &str, parent: Option<&str>, body: B) -> Arc<Stored<B>> {
    Arc::new(Stored {
        id: id(id_text),
        parent: parent.map(id),
        name: name.to_owned(),
        version: 1,
        lake: LOCAL_LAKE.to_owned(),
        created_at: Utc::now(),
        updated_at: Utc::now(),
        body,
    })
}

/// The columns of `orders`, in order.
pub fn fields() -> Vec<Field> {
    let addr = Fields::from(vec![
        Field::new("street", DataType::Utf8, true),
        Field::new("zip", DataType::Utf8, true),
    ]);
    vec![
        Field::new("id", DataType::Int64, false),
        Field::new("tenant", DataType::Utf8, false),
        Field::new("region", DataType::Utf8, true),
        Field::new("customer", DataType::Utf8, true),
        Field::new("ssn", DataType::Utf8, true),
        Field::new("email", DataType::Utf8, true),
        Field::new("amount", DataType::Decimal128(12, 2), true),
        Field::new("qty", DataType::Int32, true),
        Field::new("code", DataType::Utf8, true),
        Field::new("note", DataType::Utf8, true),
        Field::new("legal_hold", DataType::Int32, true),
        Field::new(
            "ts",
            DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None),
            true,
        ),
        Field::new("addr", DataType::Struct(addr), true),
        Field::new(
            "items",
            DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))),
            true,
        ),
    ]
}

pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(fields()))
}

pub fn column_id(name: &str) -> String {
    format!("c-{name}")
}

pub fn columns() -> Vec<Column> {
    fields()
        .iter()
        .map(|field| Column {
            id: id(&column_id(field.name())),
            name: field.name().clone(),
            remote_name: None,
            data_type: type_text(field.data_type()),
            nullable: field.is_nullable(),
            comment: None,
            tags: BTreeMap::new(),
            partition: false,
        })
        .collect()
}

/// One row: id, tenant, region, customer, ssn, email, amount in cents, qty, code, note, hold.
pub type Row = (
    i64,
    &'static str,
    Option<&'static str>,
    &'static str,
    &'static str,
    &'static str,
    i128,
    i32,
    &'static str,
    &'static str,
    Option<i32>,
);

pub const VISIBLE: &[Row] = &[
    (
        1,
        "t1",
        Some("DE"),
        "Ann",
        "111-22-3333",
        "ann@x.de",
        1000,
        1,
        "10",
        "ok",
        None,
    ),
    (
        2,
        "t1",
        Some("FR"),
        "Bob",
        "222-33-4444",
        "bob@x.fr",
        2000,
        2,
        "20",
        "ok",
        Some(0),
    ),
    (
        3,
        "t1",
        Some("DE"),
        "Cy",
        "333-44-5555",
        "cy@x.de",
        3000,
        3,
        "30",
        "ok",
        None,
    ),
];

pub const HIDDEN: &[Row] = &[
    (
        900_001,
        "t2",
        Some("US"),
        "CANARY_C1",
        "CANARY-SSN-1",
        "CANARY1@x",
        3_133_700,
        0,
        "CANARY_NAN",
        "CANARY_N1",
        None,
    ),
    (
        900_002,
        "t1",
        None,
        "CANARY_C2",
        "CANARY-SSN-2",
        "CANARY2@x",
        100,
        5,
        "50",
        "CANARY_N2",
        None,
    ),
    (
        900_003,
        "t1",
        Some("DE"),
        "CANARY_C3",
        "CANARY-SSN-3",
        "CANARY3@x",
        4000,
        4,
        "40",
        "CANARY_N3",
        Some(1),
    ),
    (
        900_004,
        "t1",
        Some("de"),
        "CANARY_C4",
        "CANARY-SSN-4",
        "CANARY4@x",
        5000,
        6,
        "60",
        "CANARY_N4",
        None,
    ),
    (
        900_005,
        "t1",
        Some("DE "),
        "CANARY_C5",
        "CANARY-SSN-5",
        "CANARY5@x",
        5000,
        6,
        "60",
        "CANARY_N5",
        None,
    ),
    (
        900_006,
        "t1",
        Some("\u{ff24}\u{ff25}"),
        "CANARY_C6",
        "CANARY-SSN-6",
        "CANARY6@x",
        5000,
        6,
        "60",
        "CANARY_N6",
        None,
    ),
    (
        900_007,
        "t1",
        Some("D\u{308}E"),
        "CANARY_C7",
        "CANARY-SSN-7",
        "CANARY7@x",
        5000,
        6,
        "60",
        "CANARY_N7",
        None,
    ),
];

pub fn batch(rows: &[Row]) -> RecordBatch {
    let text = |value: fn(&Row) -> Option<&'static str>| -> ArrayRef {
        Arc::new(rows.iter().map(value).collect::<StringArray>())
    };
    let amounts: Decimal128Array = rows.iter().map(|row| Some(row.6)).collect();
    let DataType::Struct(addr) = fields()[12].data_type().clone() else {
        unreachable!()
    };
    let street = text(|row| Some(row.3));
    let zip = text(|row| Some(row.4));
    let item = Arc::new(Field::new("item", DataType::Utf8, true));
    let items = ListArray::new(
        item,
        OffsetBuffer::from_lengths(rows.iter().map(|_| 1)),
        text(|row| Some(row.9)),
        None,
    );
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>()),
        text(|row| Some(row.1)),
        text(|row| row.2),
        text(|row| Some(row.3)),
        text(|row| Some(row.4)),
        text(|row| Some(row.5)),
        Arc::new(amounts.with_precision_and_scale(12, 2).unwrap()),
        Arc::new(rows.iter().map(|row| Some(row.7)).collect::<Int32Array>()),
        text(|row| Some(row.8)),
        text(|row| Some(row.9)),
        Arc::new(rows.iter().map(|row| row.10).collect::<Int32Array>()),
        Arc::new(
            rows.iter()
                .map(|row| Some(row.0 * 1_000_000))
                .collect::<TimestampMicrosecondArray>(),
        ),
        Arc::new(StructArray::new(addr, vec![street, zip], None)),
        Arc::new(items),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// Hidden rows in a file of their own, in a row group of their own beside visible ones, and alone.
pub fn write_files(directory: &Path) {
    write_parquet(
        &directory.join("a.parquet"),
        &[batch(&VISIBLE[..2]), batch(&HIDDEN[..1])],
    );
    write_parquet(
        &directory.join("b.parquet"),
        &[batch(&HIDDEN[1..2]), batch(&HIDDEN[3..])],
    );
    write_parquet(&directory.join("c.parquet"), &[batch(&[VISIBLE[2], HIDDEN[2]])]);
}

/// One row group per batch.
pub fn write_parquet(path: &Path, groups: &[RecordBatch]) {
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, groups[0].schema(), Some(WriterProperties::default())).unwrap();
    for group in groups {
        writer.write(group).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
}
