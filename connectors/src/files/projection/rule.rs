//! Which values may a partition column have? An enumeration, a range of integers or moments, or what the statement asks for
//! (Athena user guide, "Supported types for partition projection").

use std::collections::BTreeMap;

use chrono::{Days, Months, NaiveDateTime, TimeDelta};
use serde_json::Value;

use super::pattern::Pattern;

/// Values of one column.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    Enum(Vec<String>),
    Integer {
        low: i64,
        high: i64,
        interval: i64,
        digits: usize,
    },
    Date {
        low: Bound,
        high: Bound,
        pattern: Pattern,
        interval: u32,
        unit: Unit,
    },
    /// Those that the WHERE clause names.
    Injected,
}

#[derive(Clone, Debug)]
pub(super) enum Bound {
    At(NaiveDateTime),
    /// So many units from now.
    Now(i64, Unit),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unit {
    Years,
    Months,
    Weeks,
    Days,
    Hours,
    Minutes,
    Seconds,
}

/// A value as its folder is called, and the moment that it is.
pub(super) type Candidate = (String, Option<NaiveDateTime>);

impl Rule {
    /// The rule of a column.
    ///
    /// # Errors
    /// The property and what is wrong with it.
    pub(super) fn parse(column: &str, options: &BTreeMap<String, Value>) -> Result<Self, (String, String)> {
        let key = |property: &str| format!("projection.{column}.{property}");
        let given = |property: &str| options.get(&key(property)).map(text);
        let needed = |property: &str| {
            given(property).ok_or_else(|| {
                (
                    key(property),
                    "it is missing: the projection of the column needs it".to_owned(),
                )
            })
        };
        let wrong = |property: &str, why: &str| (key(property), why.to_owned());
        let number = |property: &str| -> Result<Option<i64>, (String, String)> {
            let Some(text) = given(property) else { return Ok(None) };
            let number = text.trim().parse().ok().filter(|number| *number > 0);
            number
                .map(Some)
                .ok_or_else(|| wrong(property, "a whole number above 0 is expected"))
        };
        match needed("type")?.to_lowercase().as_str() {
            "enum" => Ok(Self::Enum(needed("values")?.split(',').map(str::to_owned).collect())),
            "injected" => Ok(Self::Injected),
            "integer" => {
                let range = needed("range")?;
                let bounds = range.split_once(',');
                let bounds = bounds.and_then(|(low, high)| Some((low.trim().parse().ok()?, high.trim().parse().ok()?)));
                let (low, high) = bounds.ok_or_else(|| wrong("range", "`LOW,HIGH` is expected, two whole numbers"))?;
                Ok(Self::Integer {
                    low,
                    high,
                    interval: number("interval")?.unwrap_or(1),
                    digits: number("digits")?
                        .and_then(|digits| usize::try_from(digits).ok())
                        .unwrap_or(0)
                        .min(20),
                })
            }
            "date" => {
                let pattern = Pattern::parse(&needed("format")?)
                    .map_err(|letters| wrong("format", &format!("`{letters}` is not supported")))?;
                let range = needed("range")?;
                let bounds = range.split_once(',');
                let bounds = bounds.and_then(|(low, high)| Some((bound(low, &pattern)?, bound(high, &pattern)?)));
                let why = "`LOW,HIGH` is expected, moments in the format or `NOW`, `NOW-3YEARS`";
                let (low, high) = bounds.ok_or_else(|| wrong("range", why))?;
                let unit = match (given("interval.unit"), pattern.finest()) {
                    (Some(word), _) => Unit::named(&word).ok_or_else(|| wrong("interval.unit", "it is no unit"))?,
                    (None, Some('d')) => Unit::Days,
                    (None, Some('M')) => Unit::Months,
                    (None, _) => {
                        return Err(wrong(
                            "interval.unit",
                            "it is missing: the format shows neither days nor months only",
                        ));
                    }
                };
                if pattern.finest().is_some_and(|finest| unit.is_finer_than(finest)) {
                    return Err(wrong(
                        "interval.unit",
                        "it is finer than the format: one folder would stand for several values",
                    ));
                }
                Ok(Self::Date {
                    low,
                    high,
                    pattern,
                    interval: number("interval")?
                        .and_then(|number| u32::try_from(number).ok())
                        .unwrap_or(1),
                    unit,
                })
            }
            _ => Err(wrong(
                "type",
                "one of `enum`, `integer`, `date`, `injected` is expected",
            )),
        }
    }

    /// Are there more values than so many, as far as that is told without counting?
    pub(super) fn is_beyond(&self, most: usize) -> bool {
        let Self::Integer {
            low, high, interval, ..
        } = self
        else {
            return false;
        };
        let steps = (i128::from(*high) - i128::from(*low)) / i128::from((*interval).max(1));
        usize::try_from(steps.max(0)).map_or(true, |steps| steps >= most)
    }

    /// All values, in order; none for what is injected.
    pub(super) fn candidates(&self, now: NaiveDateTime) -> Box<dyn Iterator<Item = Candidate> + '_> {
        match self {
            Self::Injected => Box::new(std::iter::empty()),
            Self::Enum(values) => Box::new(values.iter().map(|value| (value.clone(), None))),
            Self::Integer {
                low,
                high,
                interval,
                digits,
            } => {
                let numbers = std::iter::successors(Some(*low), move |number| number.checked_add(*interval));
                let numbers = numbers.take_while(move |number| number <= high);
                Box::new(numbers.map(move |number| (padded(number, *digits), None)))
            }
            Self::Date {
                low,
                high,
                pattern,
                interval,
                unit,
            } => {
                // Bounds as precise as the format is.
                let cut = |bound: &Bound| {
                    bound
                        .moment(now)
                        .and_then(|moment| pattern.read(&pattern.write(moment)))
                };
                let (Some(low), Some(high)) = (cut(low), cut(high)) else {
                    return Box::new(std::iter::empty());
                };
                let steps = (0_u32..).map_while(move |step| unit.after(low, i64::from(step) * i64::from(*interval)));
                let steps = steps.take_while(move |moment| *moment <= high);
                Box::new(steps.map(move |moment| (pattern.write(moment), Some(moment))))
            }
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn padded(number: i64, digits: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{:0digits$}", number.unsigned_abs())
}

fn bound(text: &str, pattern: &Pattern) -> Option<Bound> {
    let text = text.trim();
    let Some(rest) = text.strip_prefix("NOW") else {
        return pattern.read(text).map(Bound::At);
    };
    if rest.is_empty() {
        return Some(Bound::Now(0, Unit::Days));
    }
    let rest: String = rest.chars().filter(|letter| !letter.is_whitespace()).collect();
    let end = rest.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (count, unit) = rest.split_at_checked(end)?;
    Some(Bound::Now(count.parse().ok()?, Unit::named(unit)?))
}

impl Bound {
    fn moment(&self, now: NaiveDateTime) -> Option<NaiveDateTime> {
        match self {
            Self::At(moment) => Some(*moment),
            Self::Now(count, unit) => unit.after(now, *count),
        }
    }
}

impl Unit {
    fn named(word: &str) -> Option<Self> {
        Some(match word.trim().to_uppercase().trim_end_matches('S') {
            "YEAR" => Self::Years,
            "MONTH" => Self::Months,
            "WEEK" => Self::Weeks,
            "DAY" => Self::Days,
            "HOUR" => Self::Hours,
            "MINUTE" => Self::Minutes,
            "SECOND" => Self::Seconds,
            _ => return None,
        })
    }

    /// Than a letter of a format.
    fn is_finer_than(self, letter: char) -> bool {
        let unit = match self {
            Self::Years => 0,
            Self::Months => 1,
            Self::Weeks | Self::Days => 2,
            Self::Hours => 3,
            Self::Minutes => 4,
            Self::Seconds => 5,
        };
        let format = match letter {
            'y' | 'u' => 0,
            'M' => 1,
            'd' => 2,
            'H' => 3,
            'm' => 4,
            _ => 5,
        };
        unit > format
    }

    fn after(self, moment: NaiveDateTime, count: i64) -> Option<NaiveDateTime> {
        let months = |count: i64| {
            let months = Months::new(u32::try_from(count.unsigned_abs()).ok()?);
            if count < 0 {
                moment.checked_sub_months(months)
            } else {
                moment.checked_add_months(months)
            }
        };
        let days = |count: i64| {
            let days = Days::new(count.unsigned_abs());
            if count < 0 {
                moment.checked_sub_days(days)
            } else {
                moment.checked_add_days(days)
            }
        };
        let seconds = |count: Option<i64>| moment.checked_add_signed(TimeDelta::try_seconds(count?)?);
        match self {
            Self::Years => months(count.checked_mul(12)?),
            Self::Months => months(count),
            Self::Weeks => days(count.checked_mul(7)?),
            Self::Days => days(count),
            Self::Hours => seconds(count.checked_mul(3_600)),
            Self::Minutes => seconds(count.checked_mul(60)),
            Self::Seconds => seconds(Some(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(properties: &[(&str, &str)]) -> Result<Vec<String>, (String, String)> {
        let options = properties
            .iter()
            .map(|(name, value)| (format!("projection.c.{name}"), Value::from(*value)));
        let now = Pattern::parse("yyyy-MM-dd HH:mm")
            .expect("pattern")
            .read("2024-03-31 13:45")
            .expect("now");
        let rule = Rule::parse("c", &options.collect())?;
        Ok(rule.candidates(now).take(50).map(|(text, _)| text).collect())
    }

    #[test]
    fn values_are_those_of_the_properties() {
        let of = |properties: &[(&str, &str)]| values(properties).expect("values");
        assert_eq!(of(&[("type", "enum"), ("values", "a, b")]), ["a", " b"]);
        assert_eq!(
            of(&[
                ("type", "integer"),
                ("range", "-2,3"),
                ("interval", "2"),
                ("digits", "2")
            ]),
            ["-02", "00", "02"]
        );
        assert_eq!(of(&[("type", "integer"), ("range", "5,4")]), [""; 0]);
        let date = |range, format, more: &[(&str, &str)]| {
            of(&[&[("type", "date"), ("range", range), ("format", format)], more].concat())
        };
        assert_eq!(
            date("2024/02/28,2024/03/01", "yyyy/MM/dd", &[]),
            ["2024/02/28", "2024/02/29", "2024/03/01"]
        );
        assert_eq!(
            date("NOW-2DAYS,NOW", "yyyy-MM-dd", &[]),
            ["2024-03-29", "2024-03-30", "2024-03-31"]
        );
        assert_eq!(
            date("NOW - 1 MONTHS , NOW+1MONTH", "yyyyMM", &[]),
            ["202402", "202403", "202404"]
        );
        assert_eq!(
            date("2023,NOW", "yyyy", &[("interval.unit", "YEARS")]),
            ["2023", "2024"]
        );
        let hours = [("interval", "6"), ("interval.unit", "HOURS")];
        assert_eq!(date("2024-01-01-00,2024-01-01-23", "yyyy-MM-dd-HH", &hours).len(), 4);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (properties, name) in [
            (&[][..], "type"),
            (&[("type", "list")], "type"),
            (&[("type", "enum")], "values"),
            (&[("type", "integer"), ("range", "1")], "range"),
            (&[("type", "integer"), ("range", "1,2"), ("interval", "0")], "interval"),
            (&[("type", "date"), ("range", "2024,NOW")], "format"),
            (
                &[("type", "date"), ("range", "2024,NOW"), ("format", "yyyy")],
                "interval.unit",
            ),
            (&[("type", "date"), ("range", "x,NOW"), ("format", "yyyy-MM")], "range"),
            (&[("type", "date"), ("range", "NOW,NOW"), ("format", "MMM")], "format"),
        ] {
            let (property, _) = values(properties).expect_err(name);
            assert_eq!(property, format!("projection.c.{name}"));
        }
    }
}
