//! Which day is meant by writers that count days before 15 October 1582 by the Julian calendar? Java's old classes do, and with them Hive
//! and the legacy modes of Spark; SQL means the calendar of today throughout, and the day on which both put the same year, month and
//! day is what the writer's own reader shows.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, ArrowPrimitiveType, AsArray, LargeListArray, ListArray, MapArray, PrimitiveArray, StructArray,
    },
    datatypes::{
        DataType, Date32Type, Date64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
        TimestampNanosecondType, TimestampSecondType,
    },
    error::ArrowError,
};

/// 15 October 1582, in days since 1970: from here on both calendars are one.
const SWITCH: i64 = -141_427;

/// The day that a writer meant by a number of days since 1970.
pub(super) fn day(stored: i64) -> i64 {
    if stored >= SWITCH {
        return stored;
    }
    // Years begin in March, so that the leap day is their last one. 1 March of the Julian year 0 is the day -719470.
    let days = stored.saturating_add(719_470);
    let year = (days.saturating_mul(4).saturating_add(3)).div_euclid(1_461);
    let of_year = days - (year * 1_461).div_euclid(4);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5;
    gregorian(year, month) + of_month
}

/// The first day of a month (March is 0) of a year that begins in March.
fn gregorian(year: i64, month: i64) -> i64 {
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 - 719_468
}

/// The moment that a writer meant, in units since 1970 of which a day has so many, by a clock in UTC.
pub(super) fn moment(stored: i64, units_a_day: i64) -> i64 {
    let days = stored.div_euclid(units_a_day);
    if days >= SWITCH {
        return stored;
    }
    let meant = day(days).saturating_mul(units_a_day);
    meant.saturating_add(stored.rem_euclid(units_a_day))
}

/// Units of a moment that a day has.
pub(super) fn units_a_day(unit: TimeUnit) -> i64 {
    86_400
        * match unit {
            TimeUnit::Second => 1,
            TimeUnit::Millisecond => 1_000,
            TimeUnit::Microsecond => 1_000_000,
            TimeUnit::Nanosecond => 1_000_000_000,
        }
}

/// The days and moments that a writer meant, however deep in the array.
///
/// # Errors
/// Those of the parts of an array that do not fit together.
pub(super) fn meant(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Date32 => Arc::new(
            array
                .as_primitive::<Date32Type>()
                .unary::<_, Date32Type>(|stored| i32::try_from(day(i64::from(stored))).unwrap_or(stored)),
        ),
        DataType::Date64 => moments::<Date64Type>(array, units_a_day(TimeUnit::Millisecond)),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => moments::<TimestampSecondType>(array, units_a_day(*unit)),
            TimeUnit::Millisecond => moments::<TimestampMillisecondType>(array, units_a_day(*unit)),
            TimeUnit::Microsecond => moments::<TimestampMicrosecondType>(array, units_a_day(*unit)),
            TimeUnit::Nanosecond => moments::<TimestampNanosecondType>(array, units_a_day(*unit)),
        },
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Arc::new(ListArray::try_new(
                Arc::clone(field),
                offsets,
                meant(list.values())?,
                nulls,
            )?)
        }
        DataType::LargeList(field) => {
            let list = array.as_list::<i64>();
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Arc::new(LargeListArray::try_new(
                Arc::clone(field),
                offsets,
                meant(list.values())?,
                nulls,
            )?)
        }
        DataType::Struct(_) => Arc::new(members(array.as_struct())?),
        DataType::Map(field, sorted) => {
            let map = array.as_map();
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            let entries = members(map.entries())?;
            Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *sorted)?)
        }
        _ => Arc::clone(array),
    })
}

fn moments<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef, units_a_day: i64) -> ArrayRef {
    let stored: &PrimitiveArray<T> = array.as_primitive::<T>();
    let meant: PrimitiveArray<T> = stored.unary(|stored| moment(stored, units_a_day));
    Arc::new(meant.with_data_type(array.data_type().clone()))
}

fn members(array: &StructArray) -> Result<StructArray, ArrowError> {
    let columns = array.columns().iter().map(meant).collect::<Result<Vec<_>, _>>()?;
    StructArray::try_new_with_length(array.fields().clone(), columns, array.nulls().cloned(), array.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(year: i32, month: u32, of_month: u32) -> i64 {
        let day = chrono::NaiveDate::from_ymd_opt(year, month, of_month).expect("a day");
        let epoch = chrono::NaiveDate::from_ymd_opt(1970, 1, 1).expect("a day");
        (day - epoch).num_days()
    }

    #[test]
    fn days_of_the_julian_calendar_keep_their_name() {
        // The day before the switch was 4 October 1582.
        assert_eq!(day(SWITCH), date(1582, 10, 15));
        assert_eq!(day(SWITCH - 1), date(1582, 10, 4));
        // From 1 March 1500 on the calendars were ten days apart, before nine; in 200 not at all; in the year 1 two the other way.
        assert_eq!(day(date(1500, 3, 11)), date(1500, 3, 1));
        assert_eq!(day(date(1500, 3, 9)), date(1500, 2, 28));
        assert_eq!(day(date(250, 6, 1)), date(250, 6, 1));
        assert_eq!(day(date(1, 1, 1) - 2), date(1, 1, 1));
        // 29 February 1500 is there in one calendar only.
        assert_eq!(day(date(1500, 3, 10)), date(1500, 3, 1));
        // Never back: what prunes by the least and the greatest day goes on to be right.
        let mut last = i64::MIN;
        for stored in -800_000..-140_000 {
            let meant = day(stored);
            assert!(meant >= last, "{stored}");
            last = meant;
        }
    }

    #[test]
    fn moments_keep_their_time_of_day() {
        let micros = units_a_day(TimeUnit::Microsecond);
        let stored = date(1500, 3, 9) * micros + 43_200_000_001;
        assert_eq!(moment(stored, micros), date(1500, 2, 28) * micros + 43_200_000_001);
        assert_eq!(moment(-1, micros), -1);
    }
}
