//! Which values may a cell hold, and in which order do they stand? Small domains, so that comparisons hit, with the edges in them.

use std::{cmp::Ordering, fmt};

use rand::{Rng, rngs::StdRng};

/// Type of a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Type {
    Bigint,
    Int,
    Double,
    Varchar,
    Boolean,
    Date,
    /// `decimal(12,2)`
    Decimal,
    /// Microseconds, without a zone.
    Timestamp,
}

/// A value; `Null` belongs to every type.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    /// Bigint and int.
    Int(i64),
    Double(f64),
    Text(String),
    Bool(bool),
    /// Days since 1970.
    Date(i32),
    /// Hundredths.
    Decimal(i64),
    /// Microseconds since 1970.
    Timestamp(i64),
}

const TEXTS: [&str; 10] = ["a", "A", "bb", "b%b", "ü", "a_c", "abcdefg", "12-34 x", "", "a.b@c"];
const INTS: [i64; 8] = [0, 1, 2, 3, -1, 7, i32::MAX as i64, i32::MIN as i64];
const BIGINTS: [i64; 8] = [0, 1, 2, 3, -1, 7, i64::MAX, i64::MIN];
const DOUBLES: [f64; 9] = [
    0.5,
    -1.5,
    2.25,
    1.0,
    1e300,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    -0.0,
];
const HUNDREDTHS: [i64; 7] = [0, 1, -1, 100, 250, 3_133_700, 999_999_999_999];
const MOMENTS: [i64; 7] = [
    0,
    -1,
    1,
    1_577_836_800_000_000,
    1_577_836_799_999_999,
    1_582_977_600_500_000,
    4_102_444_800_000_000,
];
const DAYS: [i32; 7] = [0, -1, 18_262, 18_263, 18_321, 18_627, 2_932_896];

impl Type {
    pub const ALL: [Self; 6] = [
        Self::Bigint,
        Self::Int,
        Self::Double,
        Self::Varchar,
        Self::Boolean,
        Self::Date,
    ];

    /// Those whose governed answers the plain engine gives in the same words, and the others.
    pub const GOVERNED: [Self; 8] = [
        Self::Bigint,
        Self::Int,
        Self::Double,
        Self::Varchar,
        Self::Boolean,
        Self::Date,
        Self::Decimal,
        Self::Timestamp,
    ];

    /// A value of the domain.
    pub fn value(self, rng: &mut StdRng) -> Cell {
        match self {
            Self::Bigint => Cell::Int(BIGINTS[rng.random_range(0..BIGINTS.len())]),
            Self::Int => Cell::Int(INTS[rng.random_range(0..INTS.len())]),
            Self::Double => Cell::Double(DOUBLES[rng.random_range(0..DOUBLES.len())]),
            Self::Varchar => Cell::Text(TEXTS[rng.random_range(0..TEXTS.len())].to_owned()),
            Self::Boolean => Cell::Bool(rng.random_bool(0.5)),
            Self::Date => Cell::Date(DAYS[rng.random_range(0..DAYS.len())]),
            Self::Decimal => Cell::Decimal(HUNDREDTHS[rng.random_range(0..HUNDREDTHS.len())]),
            Self::Timestamp => Cell::Timestamp(MOMENTS[rng.random_range(0..MOMENTS.len())]),
        }
    }

    /// A value that can be written as a literal of one meaning in filters and in questions: finite, and not a zero of two signs.
    pub fn literal(self, rng: &mut StdRng) -> Cell {
        loop {
            match self.value(rng) {
                Cell::Double(number) if !number.is_finite() || number == 0.0 => {}
                Cell::Int(i64::MIN) => {}
                value => return value,
            }
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bigint => "bigint",
            Self::Int => "int",
            Self::Double => "double",
            Self::Varchar => "varchar",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Decimal => "decimal(12,2)",
            Self::Timestamp => "timestamp(6)",
        })
    }
}

impl Cell {
    /// As a literal of SQL.
    pub fn sql(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Int(number) => number.to_string(),
            Self::Double(number) if number.abs() > 1e15 => format!("{number:e}"),
            Self::Double(number) => format!("{number:?}"),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Self::Bool(value) => value.to_string().to_uppercase(),
            Self::Date(days) => format!("DATE '{}'", date(*days)),
            Self::Decimal(number) => {
                let sign = if *number < 0 { "-" } else { "" };
                let digits = number.unsigned_abs();
                format!("{sign}{}.{:02}", digits / 100, digits % 100)
            }
            Self::Timestamp(micros) => {
                format!("TIMESTAMP '{}'", moment(*micros).format("%Y-%m-%d %H:%M:%S%.6f"))
            }
        }
    }

    /// Order of two values of one type that are not NULL: numbers with NaN greatest, texts by code point.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(one), Self::Int(two)) => one.cmp(two),
            (Self::Double(one), Self::Double(two)) => {
                one.partial_cmp(two).unwrap_or_else(|| one.is_nan().cmp(&two.is_nan()))
            }
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            (Self::Bool(one), Self::Bool(two)) => one.cmp(two),
            (Self::Date(one), Self::Date(two)) => one.cmp(two),
            (Self::Decimal(one), Self::Decimal(two)) | (Self::Timestamp(one), Self::Timestamp(two)) => one.cmp(two),
            other => panic!("{other:?}"),
        }
    }
}

/// The day of a number of days since 1970.
pub fn date(days: i32) -> chrono::NaiveDate {
    chrono::NaiveDate::from_ymd_opt(1970, 1, 1).expect("a day") + chrono::Duration::days(i64::from(days))
}

/// The moment of a number of microseconds since 1970.
pub fn moment(micros: i64) -> chrono::NaiveDateTime {
    chrono::DateTime::from_timestamp_micros(micros)
        .expect("a moment")
        .naive_utc()
}

/// Days since 1970 of a day.
pub fn days(date: chrono::NaiveDate) -> i32 {
    let since = date - chrono::NaiveDate::from_ymd_opt(1970, 1, 1).expect("a day");
    i32::try_from(since.num_days()).expect("in range")
}
