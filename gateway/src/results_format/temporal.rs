//! How are dates, times and intervals written? ISO 8601 over the whole range of the types, with the digits of the type.

use std::fmt::Write;

use arrow::datatypes::TimeUnit;

const DAY_SECONDS: i64 = 86_400;

/// `2024-01-02`; years beyond 9999 with a sign, as ISO 8601 asks.
pub(super) fn date(days: i64) -> String {
    let (year, month, day) = civil(days);
    match year {
        0..=9_999 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:+05}-{month:02}-{day:02}"),
    }
}

/// `2024-01-02T03:04:05.123456`.
pub(super) fn timestamp(value: i64, unit: TimeUnit) -> String {
    let per_day = per_second(unit) * DAY_SECONDS;
    let (days, in_day) = (value.div_euclid(per_day), value.rem_euclid(per_day));
    format!("{}T{}", date(days), time(in_day, unit))
}

/// `03:04:05.123456`.
pub(super) fn time(value: i64, unit: TimeUnit) -> String {
    let scale = per_second(unit);
    let (seconds, fraction) = (value.div_euclid(scale), value.rem_euclid(scale));
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let digits = digits(unit);
    if digits > 0 {
        let _ = write!(text, ".{fraction:0digits$}");
    }
    text
}

/// An ISO duration of months, days and nanoseconds. Each part has its own sign; nothing is carried between them.
pub(super) fn duration(months: i64, days: i64, nanoseconds: i128) -> String {
    let mut text = String::from("P");
    for (number, unit) in [(months / 12, 'Y'), (months % 12, 'M'), (days, 'D')] {
        if number != 0 {
            let _ = write!(text, "{number}{unit}");
        }
    }
    if nanoseconds != 0 || text.len() == 1 {
        text.push('T');
        write_clock(&mut text, nanoseconds);
    }
    text
}

/// A duration in a unit.
pub(super) fn elapsed(value: i64, unit: TimeUnit) -> String {
    duration(0, 0, i128::from(value) * i128::from(1_000_000_000 / per_second(unit)))
}

fn write_clock(text: &mut String, nanoseconds: i128) {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let size = nanoseconds.unsigned_abs();
    let (seconds, fraction) = (size / 1_000_000_000, size % 1_000_000_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours != 0 {
        let _ = write!(text, "{sign}{hours}H");
    }
    if minutes != 0 {
        let _ = write!(text, "{sign}{minutes}M");
    }
    if fraction != 0 {
        let digits = format!("{fraction:09}");
        let _ = write!(text, "{sign}{seconds}.{}S", digits.trim_end_matches('0'));
    } else if seconds != 0 || (hours == 0 && minutes == 0) {
        let _ = write!(text, "{sign}{seconds}S");
    }
}

/// Days since 1970 to year, month, day (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

fn digits(unit: TimeUnit) -> usize {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_iso() {
        assert_eq!(
            timestamp(1_704_164_645_123_456, TimeUnit::Microsecond),
            "2024-01-02T03:04:05.123456"
        );
        assert_eq!(timestamp(-1, TimeUnit::Millisecond), "1969-12-31T23:59:59.999");
        assert_eq!(timestamp(0, TimeUnit::Second), "1970-01-01T00:00:00");
        assert_eq!(time(3_723_000_000_001, TimeUnit::Nanosecond), "01:02:03.000000001");
        assert_eq!(date(-719_528), "0000-01-01");
        assert_eq!(date(2_932_897), "+10000-01-01");
        assert_eq!(date(-719_529), "-0001-12-31");
        assert_eq!(
            timestamp(i64::MAX, TimeUnit::Microsecond),
            "+294247-01-10T04:00:54.775807"
        );
    }

    #[test]
    fn durations_are_iso() {
        assert_eq!(duration(14, 3, 0), "P1Y2M3D");
        assert_eq!(duration(0, 0, 0), "PT0S");
        assert_eq!(duration(0, 1, 3_600_000_000_000), "P1DT1H");
        assert_eq!(duration(-1, 0, -1_500_000_000), "P-1MT-1.5S");
        assert_eq!(duration(0, 0, 61_000_000_000), "PT1M1S");
        assert_eq!(elapsed(1_500, TimeUnit::Millisecond), "PT1.5S");
    }
}
