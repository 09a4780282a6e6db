//! Which columns of a file count days before 1582 by the Julian calendar? Those that Spark or Hive wrote in their legacy modes, and marked
//! so. They are read as their writer reads them, or refused by name: never shifted in silence.

use std::collections::BTreeMap;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute::{cast, min},
    datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
};

use super::calendar;
use crate::error::{ConnectorError, Result};

/// 1900-01-01 00:00:00 UTC in microseconds: before, the old classes of Java have other offsets of zones than the new ones.
const FIRST: i64 = -2_208_988_800_000_000;

/// What the marks of a file say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Marks {
    pub(super) days: bool,
    pub(super) moments: bool,
    /// Moments of 96 bits.
    pub(super) int96: bool,
    zone: Option<String>,
}

impl Marks {
    /// From the words that a writer left in the file, by their names.
    pub(super) fn new<'a>(word: impl Fn(&str) -> Option<&'a str>) -> Self {
        let version = word("org.apache.spark.version").and_then(version);
        let before = |known: (u32, u32)| version.is_some_and(|version| version < known);
        let moments = word("org.apache.spark.legacyDateTime").is_some() || before((3, 0));
        let int96 = word("org.apache.spark.legacyINT96").is_some() || before((3, 1));
        Self {
            days: moments || word("writer.date.proleptic") == Some("false"),
            moments,
            int96,
            zone: word("org.apache.spark.timeZone").map(ToOwned::to_owned),
        }
    }

    /// How a column is written that has such values, and others that are written by the calendar of today.
    pub(super) fn of(&self, has: Has) -> Option<Julian> {
        match has {
            Has { marked: false, .. } => None,
            Has { others: true, .. } => Some(Julian::Mixed),
            Has { moments: false, .. } => Some(Julian::Whole),
            _ => match self.zone.as_deref() {
                Some("UTC" | "Z" | "GMT" | "Etc/UTC" | "+00:00") => Some(Julian::Whole),
                zone => Some(Julian::Zoned(zone.unwrap_or("that it does not name").to_owned())),
            },
        }
    }
}

/// Major and minor version.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What of a column is marked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Has {
    pub(super) marked: bool,
    /// Moments are among the marked.
    pub(super) moments: bool,
    /// There are days or moments that are not marked.
    pub(super) others: bool,
}

/// How a column counts that is marked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Julian {
    /// All days and moments, these by a clock in UTC.
    Whole,
    /// Moments by the clock of a zone: before 1900 they are not read.
    Zoned(String),
    /// Only some of the days and moments in the column: not read.
    Mixed,
}

impl Julian {
    /// Refuses the column before a value is read: always, or where rows are hidden from the caller, whose values would tell.
    pub(super) fn admit(&self, column: &str, restricted: bool) -> Result<()> {
        match self {
            Self::Whole => Ok(()),
            Self::Zoned(_) if !restricted => Ok(()),
            Self::Zoned(zone) => Err(refused(column, &format!("by the clock of the zone {zone}"))),
            Self::Mixed => Err(refused(column, "beside others of the calendar of today")),
        }
    }

    /// What the writer meant by the values of the column.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` for a moment before 1900 by the clock of a zone.
    pub(super) fn meant(&self, column: &str, values: &ArrayRef) -> Result<ArrayRef> {
        if let Self::Zoned(zone) = self
            && earliest(values)?.is_some_and(|earliest| earliest < FIRST)
        {
            return Err(refused(column, &format!("before 1900 by the clock of the zone {zone}")));
        }
        Ok(calendar::meant(values)?)
    }
}

/// The columns of a file that are marked, by their names in lower case.
pub(super) type Marked = BTreeMap<String, Julian>;

fn refused(column: &str, how: &str) -> ConnectorError {
    ConnectorError::unsupported("a column of the Julian calendar in a file").with_detail(format!(
        "column `{column}` has moments {how}; write the file anew in mode CORRECTED"
    ))
}

/// The earliest moment in an array, in microseconds.
fn earliest(values: &ArrayRef) -> Result<Option<i64>> {
    let of = |children: &[ArrayRef]| {
        let found = children.iter().map(earliest).collect::<Result<Vec<_>>>()?;
        Ok(found.into_iter().flatten().min())
    };
    match values.data_type() {
        DataType::Timestamp(_, zone) => {
            let micros = cast(values, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
            Ok(min(micros.as_primitive::<TimestampMicrosecondType>()))
        }
        DataType::List(_) => earliest(values.as_list::<i32>().values()),
        DataType::LargeList(_) => earliest(values.as_list::<i64>().values()),
        DataType::Struct(_) => of(values.as_struct().columns()),
        DataType::Map(..) => of(values.as_map().entries().columns()),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(words: &[(&str, &'static str)]) -> Marks {
        Marks::new(|name| words.iter().find(|(known, _)| *known == name).map(|(_, word)| *word))
    }

    #[test]
    fn legacy_modes_and_old_versions_are_marked() {
        assert_eq!(marks(&[("org.apache.spark.version", "4.3.0")]), Marks::default());
        assert_eq!(marks(&[]), Marks::default());
        let old = marks(&[("org.apache.spark.version", "2.4.8")]);
        assert!(old.days && old.moments && old.int96);
        let newer = marks(&[("org.apache.spark.version", "3.0.1")]);
        assert!(!newer.days && !newer.moments && newer.int96);
        let legacy = marks(&[
            ("org.apache.spark.legacyDateTime", ""),
            ("org.apache.spark.timeZone", "UTC"),
        ]);
        assert!(legacy.days && legacy.moments && !legacy.int96);
        let hive = marks(&[("writer.date.proleptic", "false")]);
        assert!(hive.days && !hive.moments);
        let has = |moments, others| Has {
            marked: true,
            moments,
            others,
        };
        assert_eq!(legacy.of(has(true, false)), Some(Julian::Whole));
        assert_eq!(legacy.of(has(true, true)), Some(Julian::Mixed));
        assert_eq!(legacy.of(Has::default()), None);
        assert_eq!(old.of(has(false, false)), Some(Julian::Whole));
        let zoned = old.of(has(true, false)).expect("marked");
        assert!(zoned.admit("x", false).is_ok());
        assert_eq!(zoned.admit("x", true).expect_err("restricted").code(), "NOT_SUPPORTED");
    }
}
