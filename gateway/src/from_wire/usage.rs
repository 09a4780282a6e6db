//! Which part of the ledger is asked for?

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use lakegate_catalog::record::UsageFilter;
use lakegate_openapi::{list::Page, usage as wire};

use crate::error::{ApiError, Result};

/// Days that one question may span.
const MAX_DAYS: i64 = 366;
/// Days before the last one, if the first is not given.
const DEFAULT_DAYS: u64 = 30;

/// Days of the ledger.
///
/// # Errors
/// `INVALID_REQUEST` for what is no day, and for too many of them.
pub fn filter(parameters: &wire::ListUsage) -> Result<UsageFilter> {
    let last = match day("to", parameters.to.as_deref())? {
        Some(last) => last,
        None => Utc::now().date_naive(),
    };
    let before = last.checked_sub_days(Days::new(DEFAULT_DAYS)).unwrap_or(last);
    let first = day("from", parameters.from.as_deref())?.unwrap_or(before);
    let days = (last - first).num_days();
    if !(0..=MAX_DAYS).contains(&days) {
        return Err(ApiError::invalid(format!(
            "`to` must be `from` or a later day, at most {MAX_DAYS} days after it"
        )));
    }
    Ok(UsageFilter {
        from: start(first),
        to: start(last.checked_add_days(Days::new(1)).unwrap_or(last)),
        principal_id: None,
    })
}

/// The page that is asked for.
#[must_use]
pub fn page(parameters: &wire::ListUsage) -> Page {
    Page {
        limit: parameters.limit,
        cursor: parameters.cursor.clone(),
    }
}

fn start(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Years of four digits: text order is time order.
fn day(name: &str, text: Option<&str>) -> Result<Option<NaiveDate>> {
    let Some(text) = text else { return Ok(None) };
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let day = day.filter(|_| text.len() == "2026-01-31".len());
    day.map(Some)
        .ok_or_else(|| ApiError::invalid(format!("`{name}` must be a day such as `2026-01-31`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(from: Option<&str>, to: Option<&str>) -> Result<UsageFilter> {
        filter(&wire::ListUsage {
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            ..Default::default()
        })
    }

    #[test]
    fn days_are_whole_and_the_last_is_included() {
        let january = of(Some("2026-01-01"), Some("2026-01-31")).unwrap();
        assert_eq!(january.from.to_rfc3339(), "2026-01-01T00:00:00+00:00");
        assert_eq!(january.to.to_rfc3339(), "2026-02-01T00:00:00+00:00");
        assert_eq!(of(None, Some("2026-01-31")).unwrap().from, january.from);
        assert!(of(None, None).is_ok());
        for (from, to) in [
            ("2026-01-02", "2026-01-01"),
            ("2024-01-01", "2026-01-01"),
            ("1.1.2026", "2026-01-01"),
            ("+12026-1-1", "2026-01-01"),
        ] {
            assert!(of(Some(from), Some(to)).is_err(), "{from} {to}");
        }
    }
}
