//! Which calendar day does a date or timestamp lie on, and where do its month, year or hour begin? UTC, for every value.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, Int64Array, PrimitiveArray, new_null_array},
    datatypes::{
        ArrowTimestampType, DataType, Date32Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
        TimestampNanosecondType, TimestampSecondType,
    },
};
use datafusion::error::Result;

use super::function::DateUnit;

const DAY_SECONDS: i64 = 86_400;

/// A day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

/// The calendar day of a number of days since 1970-01-01; Howard Hinnant's `civil_from_days`.
pub(crate) fn civil(days: i64) -> Civil {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil {
        year,
        month: u8::try_from(month).unwrap_or(1),
        day: u8::try_from(day).unwrap_or(1),
    }
}

/// Days since 1970-01-01 of the first day of a month.
fn month_start(year: i64, month: u8) -> i64 {
    let (year, shifted_month) = if month > 2 {
        (year, i64::from(month) - 3)
    } else {
        (year - 1, i64::from(month) + 9)
    };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * shifted_month + 2) / 5;
    era * 146_097 + day_of_era - 719_468
}

fn day_start(days: i64, unit: DateUnit) -> i64 {
    let date = civil(days);
    match unit {
        DateUnit::Second | DateUnit::Minute | DateUnit::Hour | DateUnit::Day => days,
        // 1970-01-01 was a Thursday; weeks begin on Monday.
        DateUnit::Week => days - (days + 3).rem_euclid(7),
        DateUnit::Month => month_start(date.year, date.month),
        DateUnit::Quarter => month_start(date.year, (date.month - 1) / 3 * 3 + 1),
        DateUnit::Year => month_start(date.year, 1),
    }
}

fn second_start(seconds: i64, unit: DateUnit) -> Option<i64> {
    Some(match unit {
        DateUnit::Second => seconds,
        DateUnit::Minute => seconds.checked_sub(seconds.rem_euclid(60))?,
        DateUnit::Hour => seconds.checked_sub(seconds.rem_euclid(3_600))?,
        _ => day_start(seconds.div_euclid(DAY_SECONDS), unit).checked_mul(DAY_SECONDS)?,
    })
}

fn per_second(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// The beginning of the unit that each value lies in; NULL where the type cannot hold it.
pub(crate) fn truncated(array: &ArrayRef, unit: DateUnit) -> Result<ArrayRef> {
    let DataType::Timestamp(tick, zone) = array.data_type() else {
        let Some(days) = array.as_primitive_opt::<Date32Type>() else {
            return Ok(new_null_array(array.data_type(), array.len()));
        };
        let starts = days
            .iter()
            .map(|days| i32::try_from(day_start(i64::from(days?), unit)).ok());
        return Ok(Arc::new(starts.collect::<PrimitiveArray<Date32Type>>()));
    };
    let per_second = per_second(tick);
    let start = |ticks: i64| second_start(ticks.div_euclid(per_second), unit)?.checked_mul(per_second);
    Ok(match tick {
        TimeUnit::Second => timestamps::<TimestampSecondType>(array, zone.clone(), start),
        TimeUnit::Millisecond => timestamps::<TimestampMillisecondType>(array, zone.clone(), start),
        TimeUnit::Microsecond => timestamps::<TimestampMicrosecondType>(array, zone.clone(), start),
        TimeUnit::Nanosecond => timestamps::<TimestampNanosecondType>(array, zone.clone(), start),
    })
}

fn timestamps<T: ArrowTimestampType>(
    array: &ArrayRef,
    zone: Option<Arc<str>>,
    start: impl Fn(i64) -> Option<i64>,
) -> ArrayRef {
    let starts: PrimitiveArray<T> = array.as_primitive::<T>().iter().map(|ticks| start(ticks?)).collect();
    Arc::new(starts.with_timezone_opt(zone))
}

/// A number from the calendar day of each value.
pub(super) fn part(array: &ArrayRef, part: impl Fn(Civil) -> i64) -> Result<ArrayRef> {
    let values: Int64Array = days(array).into_iter().map(|days| Some(part(civil(days?)))).collect();
    Ok(Arc::new(values))
}

fn days(array: &ArrayRef) -> Vec<Option<i64>> {
    let ticks = |ticks: Vec<Option<i64>>, unit: &TimeUnit| {
        let per_day = per_second(unit) * DAY_SECONDS;
        ticks
            .into_iter()
            .map(|ticks| ticks.map(|ticks| ticks.div_euclid(per_day)))
            .collect()
    };
    match array.data_type() {
        DataType::Date32 => array
            .as_primitive::<Date32Type>()
            .iter()
            .map(|days| days.map(i64::from))
            .collect(),
        DataType::Timestamp(unit @ TimeUnit::Second, _) => {
            ticks(array.as_primitive::<TimestampSecondType>().iter().collect(), unit)
        }
        DataType::Timestamp(unit @ TimeUnit::Millisecond, _) => {
            ticks(array.as_primitive::<TimestampMillisecondType>().iter().collect(), unit)
        }
        DataType::Timestamp(unit @ TimeUnit::Microsecond, _) => {
            ticks(array.as_primitive::<TimestampMicrosecondType>().iter().collect(), unit)
        }
        DataType::Timestamp(unit @ TimeUnit::Nanosecond, _) => {
            ticks(array.as_primitive::<TimestampNanosecondType>().iter().collect(), unit)
        }
        _ => vec![None; array.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_days_are_right_far_away_too() {
        assert_eq!(
            civil(0),
            Civil {
                year: 1970,
                month: 1,
                day: 1
            }
        );
        assert_eq!(
            civil(-719_468),
            Civil {
                year: 0,
                month: 3,
                day: 1
            }
        );
        assert_eq!(
            civil(2_932_896),
            Civil {
                year: 9999,
                month: 12,
                day: 31
            }
        );
        for days in (-1_000_000..3_000_000).step_by(997) {
            let date = civil(days);
            assert_eq!(month_start(date.year, date.month) + i64::from(date.day) - 1, days);
        }
        assert_eq!(day_start(4, DateUnit::Week), 4); // 1970-01-05, a Monday
        assert_eq!(day_start(3, DateUnit::Week), -3);
        assert_eq!(day_start(45, DateUnit::Quarter), 0);
    }

    #[test]
    fn truncation_is_total() {
        let array: ArrayRef = Arc::new(PrimitiveArray::<TimestampNanosecondType>::from(vec![
            Some(i64::MIN),
            Some(-1),
            None,
        ]));
        let years = truncated(&array, DateUnit::Year).unwrap();
        let years = years.as_primitive::<TimestampNanosecondType>();
        assert!(years.is_null(0) && years.is_null(2));
        assert_eq!(years.value(1), -31_536_000_000_000_000);
        let array: ArrayRef = Arc::new(PrimitiveArray::<TimestampSecondType>::from(vec![i64::MIN, i64::MAX]));
        assert_eq!(truncated(&array, DateUnit::Month).unwrap().len(), 2);
    }
}
