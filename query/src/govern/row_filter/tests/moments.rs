//! Do dates and timestamps of every unit lie on the right day, and begin where the calendar says? Asked of another calendar.

use arrow::{
    array::{PrimitiveArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray},
    datatypes::{Date32Type, Int64Type, TimeUnit},
};
use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike, Weekday};

use super::{super::moment, *};

const UNITS: [(TimeUnit, i64); 4] = [
    (TimeUnit::Second, 1),
    (TimeUnit::Millisecond, 1_000),
    (TimeUnit::Microsecond, 1_000_000),
    (TimeUnit::Nanosecond, 1_000_000_000),
];

const STARTS: [DateUnit; 8] = [
    DateUnit::Second,
    DateUnit::Minute,
    DateUnit::Hour,
    DateUnit::Day,
    DateUnit::Week,
    DateUnit::Month,
    DateUnit::Quarter,
    DateUnit::Year,
];

fn moments() -> Vec<NaiveDateTime> {
    [
        "1970-01-01T00:00:00",
        "1969-12-31T23:59:59.999999999",
        "1969-10-01T00:00:59.5",
        "1900-03-01T12:34:56.789",
        "1900-02-28T23:00:01",
        "2000-02-29T13:47:29.000001",
        "2000-12-31T23:59:59",
        "2021-05-19T13:47:29.25",
        "2023-10-01T00:30:00",
        "2024-01-01T00:00:00",
        "2024-12-30T05:06:07",
        "2100-03-01T01:01:01",
    ]
    .map(|text| text.parse().unwrap())
    .into()
}

fn ticks(moment: NaiveDateTime, per_second: i64) -> i64 {
    let nanos = moment.and_utc().timestamp_nanos_opt().unwrap();
    nanos.div_euclid(1_000_000_000 / per_second)
}

fn array(unit: TimeUnit, ticks: Vec<i64>) -> ArrayRef {
    let zone = "+00:00";
    match unit {
        TimeUnit::Second => Arc::new(TimestampSecondArray::from(ticks).with_timezone(zone)),
        TimeUnit::Millisecond => Arc::new(TimestampMillisecondArray::from(ticks).with_timezone(zone)),
        TimeUnit::Microsecond => Arc::new(TimestampMicrosecondArray::from(ticks).with_timezone(zone)),
        TimeUnit::Nanosecond => Arc::new(TimestampNanosecondArray::from(ticks).with_timezone(zone)),
    }
}

fn day(year: i32, month: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, 1).unwrap()
}

fn start(moment: NaiveDateTime, unit: DateUnit) -> NaiveDateTime {
    let (date, hour, minute, second) = (moment.date(), moment.hour(), moment.minute(), moment.second());
    let (date, hour, minute, second) = match unit {
        DateUnit::Second => (date, hour, minute, second),
        DateUnit::Minute => (date, hour, minute, 0),
        DateUnit::Hour => (date, hour, 0, 0),
        DateUnit::Day => (date, 0, 0, 0),
        DateUnit::Week => (date.week(Weekday::Mon).first_day(), 0, 0, 0),
        DateUnit::Month => (day(date.year(), date.month()), 0, 0, 0),
        DateUnit::Quarter => (day(date.year(), date.month0() / 3 * 3 + 1), 0, 0, 0),
        DateUnit::Year => (day(date.year(), 1), 0, 0, 0),
    };
    date.and_hms_opt(hour, minute, second).unwrap()
}

#[test]
fn units_begin_where_the_calendar_says() {
    for (unit, per_second) in UNITS {
        let stored = array(unit, moments().into_iter().map(|at| ticks(at, per_second)).collect());
        for wanted in STARTS {
            let expected = moments().into_iter().map(|at| ticks(start(at, wanted), per_second));
            let expected = array(unit, expected.collect());
            assert_eq!(&truncated(&stored, wanted).unwrap(), &expected, "{unit:?} {wanted:?}");
        }
    }
    let days = |at: NaiveDateTime| i32::try_from(ticks(at, 1).div_euclid(86_400)).unwrap();
    let stored: ArrayRef = Arc::new(Date32Array::from_iter_values(moments().into_iter().map(days)));
    for wanted in STARTS {
        let expected = moments().into_iter().map(|at| Some(days(start(at, wanted))));
        let expected: ArrayRef = Arc::new(expected.collect::<PrimitiveArray<Date32Type>>());
        assert_eq!(&truncated(&stored, wanted).unwrap(), &expected, "{wanted:?}");
    }
}

#[test]
fn parts_of_a_day_are_those_of_the_calendar() {
    let mut stored: Vec<(String, ArrayRef)> = UNITS
        .map(|(unit, per_second)| {
            let ticks = moments().into_iter().map(|at| ticks(at, per_second)).collect();
            (format!("{unit:?}"), array(unit, ticks))
        })
        .into();
    let days = moments()
        .into_iter()
        .map(|at| i32::try_from(ticks(at, 1).div_euclid(86_400)).unwrap());
    stored.push(("days".to_owned(), Arc::new(Date32Array::from_iter_values(days))));
    for (name, array) in stored {
        let whole = moment::part(&array, |date| {
            date.year * 10_000 + i64::from(date.month) * 100 + i64::from(date.day)
        });
        let expected: Vec<i64> = moments()
            .into_iter()
            .map(|at| i64::from(at.year()) * 10_000 + i64::from(at.month() * 100 + at.day()))
            .collect();
        assert_eq!(
            whole.unwrap().as_primitive::<Int64Type>().values(),
            &expected[..],
            "{name}"
        );
    }
}

/// A value that is no moment has no beginning and no parts.
#[test]
fn what_is_no_moment_is_null() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["2024-01-01"]));
    assert_eq!(truncated(&texts, DateUnit::Day).unwrap().null_count(), 1);
    assert_eq!(moment::part(&texts, |date| date.year).unwrap().null_count(), 1);
}

#[test]
fn units_have_their_names() {
    for (unit, start, rows) in [
        ("second", "1969-12-31 23:59:59", vec![2]),
        ("minute", "1969-12-31 23:59:00", vec![2]),
        ("hour", "1969-12-31 23:00:00", vec![2]),
        ("day", "1969-12-31", vec![2]),
        ("week", "1969-12-29", vec![0, 2]),
        ("month", "1969-12-01", vec![2]),
        ("quarter", "1969-10-01", vec![2]),
        ("year", "1969-01-01", vec![2]),
        ("YEAR", "1970-01-01", vec![0]),
    ] {
        let body = format!("date_trunc('{unit}', ts) = TIMESTAMP '{start}'");
        assert_eq!(shown(&body), rows, "{body}");
    }
}

/// Decimals of one scale are compared in the wider of their types.
#[test]
fn a_narrow_decimal_meets_a_wide_one() {
    assert_eq!(shown("amount < amount + 1"), [0, 1, 2]);
    assert_eq!(shown("amount + 1 > amount"), [0, 1, 2]);
    assert_eq!(shown("amount IN (10, 25.00)"), [0, 1]);
    // Nothing is rounded to be compared.
    let columns = |scale| {
        [
            ("a".to_owned(), DataType::Decimal128(10, 2)),
            ("b".to_owned(), DataType::Decimal128(20, scale)),
        ]
    };
    assert!(FilterBody::bind("a = b", &columns(2)).is_ok());
    assert!(FilterBody::bind("a = b", &columns(4)).is_err());
}
