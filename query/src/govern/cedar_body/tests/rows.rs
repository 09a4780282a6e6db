//! Which rows and which caller are bodies tried on? As Arrow columns, and as Cedar's entities for the reference.

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
        StringViewArray, StructArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
        TimestampSecondArray, UInt8Array,
    },
    datatypes::{DataType, Field, Fields, TimeUnit},
};
use cedar_policy::{Context, Entities, Entity, EvalResult, Expression, Request, RestrictedExpression};
use lakegate_policy::{Action, BoundCondition, RequestContext, RowCondition, resource};

/// One row; timestamps in their own units, decimals in theirs.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) txt: Option<String>,
    pub(super) view: Option<String>,
    pub(super) num: Option<i64>,
    pub(super) small: Option<i32>,
    pub(super) byte: Option<u8>,
    pub(super) price: Option<i128>,
    pub(super) wide: Option<i128>,
    pub(super) flag: Option<bool>,
    pub(super) day: Option<i32>,
    pub(super) micro: Option<i64>,
    pub(super) nano: Option<i64>,
    pub(super) milli: Option<i64>,
    pub(super) sec: Option<i64>,
    pub(super) zip: Option<String>,
}

fn zips() -> Fields {
    Fields::from(vec![Field::new("Zip", DataType::Utf8, true)])
}

pub(super) fn columns() -> Vec<(String, DataType)> {
    let utc = || Some("UTC".into());
    let list = DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)));
    [
        ("txt", DataType::Utf8),
        ("view", DataType::Utf8View),
        ("num", DataType::Int64),
        ("small", DataType::Int32),
        ("byte", DataType::UInt8),
        ("price", DataType::Decimal128(12, 2)),
        ("wide", DataType::Decimal128(18, 4)),
        ("flag", DataType::Boolean),
        ("day", DataType::Date32),
        ("micro", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("nano", DataType::Timestamp(TimeUnit::Nanosecond, utc())),
        ("milli", DataType::Timestamp(TimeUnit::Millisecond, None)),
        ("sec", DataType::Timestamp(TimeUnit::Second, None)),
        ("addr", DataType::Struct(zips())),
        // What no body may read.
        ("score", DataType::Float64),
        ("huge", DataType::UInt64),
        ("broad", DataType::Decimal128(20, 2)),
        ("list", list),
    ]
    .into_iter()
    .map(|(name, data_type)| (name.to_owned(), data_type))
    .collect()
}

pub(super) fn batch(rows: &[Row]) -> RecordBatch {
    macro_rules! column {
        ($array:ty, $field:ident) => {
            rows.iter().map(|row| row.$field.clone()).collect::<$array>()
        };
    }
    let decimal = |array: Decimal128Array, precision, scale| array.with_precision_and_scale(precision, scale).unwrap();
    let zip: ArrayRef = Arc::new(column!(StringArray, zip));
    let present = rows.iter().map(|row| row.zip.is_some()).collect::<Vec<_>>();
    let arrays: Vec<(&str, ArrayRef)> = vec![
        ("txt", Arc::new(column!(StringArray, txt))),
        ("view", Arc::new(column!(StringViewArray, view))),
        ("num", Arc::new(column!(Int64Array, num))),
        ("small", Arc::new(column!(Int32Array, small))),
        ("byte", Arc::new(column!(UInt8Array, byte))),
        ("price", Arc::new(decimal(column!(Decimal128Array, price), 12, 2))),
        ("wide", Arc::new(decimal(column!(Decimal128Array, wide), 18, 4))),
        ("flag", Arc::new(column!(BooleanArray, flag))),
        ("day", Arc::new(column!(Date32Array, day))),
        ("micro", Arc::new(column!(TimestampMicrosecondArray, micro))),
        (
            "nano",
            Arc::new(column!(TimestampNanosecondArray, nano).with_timezone("UTC")),
        ),
        ("milli", Arc::new(column!(TimestampMillisecondArray, milli))),
        ("sec", Arc::new(column!(TimestampSecondArray, sec))),
        (
            "addr",
            Arc::new(StructArray::new(zips(), vec![zip], Some(present.into()))),
        ),
    ];
    RecordBatch::try_from_iter(arrays).unwrap()
}

/// A caller and a request.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) attributes: BTreeMap<String, Vec<String>>,
    pub(super) roles: Vec<&'static str>,
    pub(super) request: RequestContext,
}

impl Default for World {
    fn default() -> Self {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Self {
            attributes: BTreeMap::from([
                ("regions".to_owned(), texts(&["DE", "FR"])),
                ("none".to_owned(), Vec::new()),
            ]),
            roles: vec!["r-eu"],
            request: RequestContext {
                now: 1_700_000_000_123,
                ip: "10.0.0.1".parse().unwrap(),
                mfa: false,
                auth_age_ms: Some(90_000),
                workgroup: "w".to_owned(),
                client: "rest".to_owned(),
                purpose: None,
                via_view: None,
                on_behalf_of: None,
                ticket: None,
            },
        }
    }
}

impl World {
    fn people(&self) -> Vec<Entity> {
        let user = resource::user("u", "human", 3, &self.roles, &self.attributes).unwrap();
        let roles = ["r-eu", "r-us"].map(|role| resource::role(role, &[]).unwrap());
        [user].into_iter().chain(roles).collect()
    }

    pub(super) fn bind(&self, condition: &RowCondition) -> BoundCondition {
        condition.bind(
            "u",
            &self.request,
            &lakegate_policy::entity_store(self.people()).unwrap(),
        )
    }

    /// What Cedar itself says on one row, deciding the expression over a `Row` with its bags.
    pub(super) fn reference(&self, expression: &str, row: &Row) -> Option<bool> {
        let entities = self.people().into_iter().chain(row.entities());
        let entities = Entities::from_entities(entities, None).unwrap();
        let request = Request::new(
            resource::uid("User", "u"),
            Action::SelectRow.uid(),
            resource::uid("Row", "r"),
            self.context(),
            None,
        )
        .unwrap();
        match cedar_policy::eval_expression(&request, &entities, &Expression::from_str(expression).unwrap()) {
            Ok(EvalResult::Bool(outcome)) => Some(outcome),
            Ok(other) => panic!("{expression} is {other}"),
            Err(_) => None,
        }
    }

    /// The record of the request, written by hand: the reference shares no code with the compiler.
    fn context(&self) -> Context {
        let pairs = [
            ("now", moment(self.request.now)),
            ("ip", RestrictedExpression::new_ip("10.0.0.1")),
            ("mfa", RestrictedExpression::new_bool(self.request.mfa)),
            ("auth_age", RestrictedExpression::new_duration("90000ms")),
            (
                "workgroup",
                RestrictedExpression::new_entity_uid(resource::uid("Workgroup", "w")),
            ),
            ("client", RestrictedExpression::new_string("rest".to_owned())),
        ];
        Context::from_pairs(pairs.map(|(key, value)| (key.to_owned(), value))).unwrap()
    }
}

fn moment(ms: i64) -> RestrictedExpression {
    RestrictedExpression::from_str(&format!("datetime(\"1970-01-01\").offset(duration(\"{ms}ms\"))")).unwrap()
}

/// A decimal of units of 10^-`scale`, as Cedar reads it.
fn decimal(units: i128, scale: u32) -> RestrictedExpression {
    let (sign, units, power) = (
        if units < 0 { "-" } else { "" },
        units.unsigned_abs(),
        10_u128.pow(scale),
    );
    let width = usize::try_from(scale).unwrap();
    RestrictedExpression::new_decimal(format!("{sign}{}.{:0width$}", units / power, units % power))
}

type Tags = Vec<(&'static str, Option<RestrictedExpression>)>;

impl Row {
    fn entities(&self) -> Vec<Entity> {
        let text = |text: &Option<String>| text.clone().map(RestrictedExpression::new_string);
        let long = |number: Option<i64>| number.map(RestrictedExpression::new_long);
        let bags: [(&str, &str, Tags); 5] = [
            (
                "s",
                "StrBag",
                vec![
                    ("txt", text(&self.txt)),
                    ("view", text(&self.view)),
                    ("addr.zip", text(&self.zip)),
                ],
            ),
            (
                "n",
                "NumBag",
                vec![
                    ("num", long(self.num)),
                    ("small", long(self.small.map(i64::from))),
                    ("byte", long(self.byte.map(i64::from))),
                ],
            ),
            (
                "d",
                "DecBag",
                vec![
                    ("price", self.price.map(|units| decimal(units, 2))),
                    ("wide", self.wide.map(|units| decimal(units, 4))),
                ],
            ),
            (
                "b",
                "BoolBag",
                vec![("flag", self.flag.map(RestrictedExpression::new_bool))],
            ),
            (
                "t",
                "TimeBag",
                vec![
                    ("day", self.day.map(|days| moment(i64::from(days) * 86_400_000))),
                    ("micro", self.micro.map(|micros| moment(micros.div_euclid(1_000)))),
                    ("nano", self.nano.map(|nanos| moment(nanos.div_euclid(1_000_000)))),
                    ("milli", self.milli.map(moment)),
                    ("sec", self.sec.map(|seconds| moment(seconds * 1_000))),
                ],
            ),
        ];
        let mut attributes = Vec::new();
        let mut entities = Vec::new();
        for (bag, entity_type, tags) in bags {
            let uid = resource::uid(entity_type, "r");
            attributes.push((bag.to_owned(), RestrictedExpression::new_entity_uid(uid.clone())));
            let tags = tags
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)));
            entities.push(Entity::new_with_tags(uid, [], [], tags).unwrap());
        }
        entities.push(Entity::new_with_tags(resource::uid("Row", "r"), attributes, [], []).unwrap());
        entities
    }
}
