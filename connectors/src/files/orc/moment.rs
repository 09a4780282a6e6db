//! Which moment does ORC mean? Timestamps are stored as seconds since 2015 in the writer's time zone; what is read is what the
//! clock on the writer's wall showed.

use chrono::{DateTime, Datelike, NaiveDate, Offset, TimeZone};
use chrono_tz::Tz;

use super::stream::bad;
use crate::{
    error::{ConnectorError, Result},
    files::calendar,
};

/// 2015-01-01 00:00:00 UTC.
const BASE: i64 = 1_420_070_400;

/// 2037-01-01 00:00:00 UTC: the tables of zones end in this year, their rules do not.
const LAST: i64 = 2_114_380_800;

/// 1900-01-01 00:00:00 UTC: Java's old classes know of no other offset before.
const FIRST: i64 = -2_208_988_800;

/// Microseconds.
const DAY: i64 = 86_400_000_000;

/// How the writer of a file counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Calendar {
    /// With the classes of Java.
    pub(super) java: bool,
    /// Days before 1582 by the Julian calendar.
    pub(super) julian: bool,
}

/// The clock of a stripe.
#[derive(Debug)]
pub(super) struct Clock {
    zone: Option<Tz>,
    base: i64,
    /// Of a writer in Java: zones have no history before 1900, and fractions are those of moments, not of walls.
    java: bool,
    /// Days before 1582 are those of the Julian calendar.
    julian: bool,
    /// A year behind the tables, and the seconds to one with the same days.
    year: Option<(i32, i64)>,
}

impl Clock {
    /// Of moments that are meant in UTC.
    pub(super) fn utc() -> Self {
        Self {
            zone: None,
            base: BASE,
            java: false,
            julian: false,
            year: None,
        }
    }

    /// Of the writer; without a name in UTC.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` with the name of a zone that is not known.
    pub(super) fn of(zone: Option<&str>) -> Result<Self> {
        let name = match zone {
            None | Some("" | "UTC" | "GMT" | "Etc/UTC" | "Z") => return Ok(Self::utc()),
            Some(name) => name,
        };
        let zone: Tz = name
            .parse()
            .map_err(|_| ConnectorError::unsupported(format!("the time zone `{name}` of an ORC file")))?;
        let mut clock = Self {
            zone: Some(zone),
            base: BASE,
            java: false,
            julian: false,
            year: None,
        };
        clock.base = BASE - clock.offset(BASE);
        Ok(clock)
    }

    /// The same clock, of a writer in Java or not, that counts by the Julian calendar or not.
    pub(super) fn by(self, calendar: Calendar) -> Self {
        let Calendar { java, julian } = calendar;
        Self { java, julian, ..self }
    }

    /// Microseconds since 1970 as the wall shows them, of stored seconds and nanoseconds.
    pub(super) fn micros(&mut self, seconds: i64, stored_nanos: i64) -> Result<i64> {
        let out_of_range = || bad("a moment is out of range");
        let instant = self.base.checked_add(seconds).ok_or_else(out_of_range)?;
        let mut wall = instant.checked_add(self.offset(instant)).ok_or_else(out_of_range)?;
        let nanos = nanos(stored_nanos)?;
        // Before 1970 whole milliseconds are cut towards zero, and the fraction is added.
        let before = if self.java { instant } else { wall };
        if before < 0 && nanos > 999_999 {
            wall -= 1;
        }
        let micros = wall
            .checked_mul(1_000_000)
            .and_then(|micros| micros.checked_add(nanos / 1_000));
        let micros = micros.ok_or_else(out_of_range)?;
        Ok(if self.julian {
            calendar::moment(micros, DAY)
        } else {
            micros
        })
    }

    /// Seconds by which the wall is ahead of UTC.
    fn offset(&mut self, instant: i64) -> i64 {
        let Some(zone) = self.zone else { return 0 };
        let instant = if self.java { instant.max(FIRST) } else { instant };
        let known = if instant < LAST {
            instant
        } else {
            instant - self.shift(instant)
        };
        DateTime::from_timestamp(known, 0)
            .map(|moment| {
                zone.offset_from_utc_datetime(&moment.naive_utc())
                    .fix()
                    .local_minus_utc()
            })
            .map_or(0, i64::from)
    }

    /// Seconds back to a year before the tables end that begins on the same day of the week and is as long.
    fn shift(&mut self, instant: i64) -> i64 {
        // Years repeat after 400 of them.
        let cycle = 400 * 365 * 86_400 + 97 * 86_400;
        let within = (instant - LAST).rem_euclid(cycle) + LAST;
        let whole = instant - within;
        let Some(moment) = DateTime::from_timestamp(within, 0) else {
            return 0;
        };
        let year = moment.year();
        if let Some((known, shift)) = self.year
            && known == year
        {
            return whole + shift;
        }
        let start = |year| NaiveDate::from_ymd_opt(year, 1, 1);
        let alike = (2009..=2036).rev().find(|other| {
            let same = start(*other)
                .zip(start(year))
                .map(|(a, b)| a.weekday() == b.weekday() && a.leap_year() == b.leap_year());
            same.unwrap_or_default()
        });
        let days = alike
            .and_then(start)
            .zip(start(year))
            .map_or(0, |(a, b)| (b - a).num_days());
        self.year = Some((year, days * 86_400));
        whole + days * 86_400
    }
}

/// Nanoseconds, without the zeros that the lowest three bits count.
fn nanos(stored: i64) -> Result<i64> {
    let zeros = u32::try_from(stored & 7).unwrap_or_default();
    let digits = stored >> 3;
    let factor = if zeros == 0 { 1 } else { 10_i64.pow(zeros + 1) };
    let nanos = digits
        .checked_mul(factor)
        .filter(|nanos| (0..1_000_000_000).contains(nanos));
    nanos.ok_or_else(|| bad("a moment has more than a second of nanoseconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a writer stores for a time of its wall.
    fn stored(zone: Tz, text: &str) -> i64 {
        let wall = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("a time");
        let instant = |wall| zone.from_local_datetime(&wall).single().expect("one").timestamp();
        let base = NaiveDate::from_ymd_opt(2015, 1, 1)
            .and_then(|day| day.and_hms_opt(0, 0, 0))
            .expect("base");
        instant(wall) - instant(base)
    }

    fn shown(clock: &mut Clock, seconds: i64, nanos: i64) -> String {
        let micros = clock.micros(seconds, nanos).expect("a moment");
        let moment = DateTime::from_timestamp_micros(micros).expect("a moment");
        moment.format("%Y-%m-%d %H:%M:%S%.6f").to_string()
    }

    #[test]
    fn the_wall_of_the_writer_is_what_is_read() {
        let zone: Tz = "America/Los_Angeles".parse().expect("zone");
        let mut clock = Clock::of(Some("America/Los_Angeles")).expect("clock");
        for text in [
            "2015-01-01 00:00:00",
            "2024-07-01 12:30:00",
            "2024-12-01 12:30:00",
            "1970-06-01 00:00:01",
            "2036-07-01 08:00:00",
        ] {
            assert_eq!(shown(&mut clock, stored(zone, text), 0), format!("{text}.000000"));
        }
        let mut clock = Clock::utc();
        assert_eq!(shown(&mut clock, 0, 5 << 3 | 7), "2015-01-01 00:00:00.500000");
        assert_eq!(shown(&mut clock, 0, 123_456_789 << 3), "2015-01-01 00:00:00.123456");
        assert!(Clock::utc().micros(i64::MAX, 0).is_err());
        assert!(Clock::utc().micros(0, 1_000_000_000 << 3).is_err());
        assert_eq!(
            Clock::of(Some("Mars/Olympus")).expect_err("unknown").code(),
            "NOT_SUPPORTED"
        );
    }

    /// engine-gaps §7: after 2037 the tables of zones have no summer time.
    #[test]
    fn summer_time_does_not_end_in_2037() {
        let mut clock = Clock::of(Some("America/Los_Angeles")).expect("clock");
        // Midnight of 2015-01-01 there is 8 hours behind UTC; summer time 7.
        let utc = |text: &str| {
            chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
                .expect("time")
                .and_utc()
                .timestamp()
        };
        let base = utc("2015-01-01 08:00:00");
        for (instant, wall) in [
            ("2050-07-01 19:00:00", "2050-07-01 12:00:00.000000"),
            ("2050-01-01 20:00:00", "2050-01-01 12:00:00.000000"),
            ("2096-07-01 19:00:00", "2096-07-01 12:00:00.000000"),
            ("9999-07-01 19:00:00", "9999-07-01 12:00:00.000000"),
            ("2038-03-14 09:59:59", "2038-03-14 01:59:59.000000"),
            ("2038-03-14 10:00:00", "2038-03-14 03:00:00.000000"),
        ] {
            assert_eq!(shown(&mut clock, utc(instant) - base, 0), wall, "{instant}");
        }
    }
}
