//! Is every answer of the demo right? One line per check, and an exit code for scripts.

use lakegate_openapi::query::{Query, QueryState};

use super::{
    answers,
    expected::{self, Expected},
    home::Home,
    isolation,
    people::{STEWARD, Visitors},
};
use crate::cli::{
    failure::{Failure, Result},
    output::say,
};

const MB: u64 = 1_048_576;
/// Every query that succeeds is billed at least so much.
const LEAST_BILLED: u64 = 10 * MB;

/// What the checks have found so far; each is printed as it comes.
#[derive(Debug, Default)]
pub(super) struct Checks {
    passed: usize,
    failed: usize,
}

impl Checks {
    /// Prints and counts a check: what was found, or what is wrong.
    pub(super) fn add(&mut self, name: &str, found: Result<impl std::fmt::Display, String>) {
        match found {
            Ok(found) => {
                self.passed += 1;
                say(format!("ok    {name}: {found}"));
            }
            Err(wrong) => {
                self.failed += 1;
                say(format!("WRONG {name}: {wrong}"));
            }
        }
    }
}

/// Checks everything.
pub(super) async fn check(home: &Home, people: &Visitors) -> Result<()> {
    let mut checks = Checks::default();
    for expected in expected::read(home)? {
        let name = format!("{} as {}", expected.query, expected.principal);
        let query = answers::ask(home, people, &expected.principal, &expected.query).await?;
        let result = answers::rows(people, &expected.principal, &query).await?;
        checks.add(&name, expected.compare(&query, result.as_ref()));
        checks.add(&format!("{name}, bytes"), figures(&expected, &query));
    }
    isolation::check(people, &mut checks).await?;
    say(format!("{} checks passed, {} failed", checks.passed, checks.failed));
    if checks.failed == 0 {
        Ok(())
    } else {
        Err(Failure::local(format!("{} checks of the demo failed", checks.failed)))
    }
}

/// What a person may learn about what was read, and what is billed for it.
fn figures(expected: &Expected, query: &Query) -> Result<String, String> {
    if query.state != QueryState::Succeeded {
        return match query.usage.billed_bytes {
            Some(0) | None => Ok("a failure is not billed".to_owned()),
            Some(billed) => Err(format!("a failure was billed {billed}")),
        };
    }
    if expected.principal == STEWARD {
        exact(expected, query)
    } else {
        coarse(query)
    }
}

/// Who holds `ReadStats` sees every counter, and they add up to the bill.
fn exact(expected: &Expected, query: &Query) -> Result<String, String> {
    let usage = &query.usage;
    let scanned = usage.scanned_bytes;
    let (Some(connector), Some(billed)) = (usage.connector_bytes, usage.billed_bytes) else {
        return Err("connector or billed bytes are absent".to_owned());
    };
    if usage.fetched_bytes.is_none() || usage.by_connection.is_empty() {
        return Err("fetched bytes or bytes by connection are absent".to_owned());
    }
    if let Some(least) = expected.min_scanned_bytes {
        if scanned < least {
            return Err(format!("scanned {scanned}, expected at least {least}"));
        }
        if billed <= LEAST_BILLED {
            return Err(format!("billed {billed}, expected more than the minimum"));
        }
    }
    let bill = ((scanned + connector).div_ceil(MB) * MB).max(LEAST_BILLED);
    if billed != bill {
        return Err(format!(
            "scanned {scanned} and {connector} from connectors: expected a bill of {bill}, got {billed}"
        ));
    }
    Ok(format!(
        "{scanned} scanned, {connector} from connectors, {billed} billed"
    ))
}

/// Who sees rows through a filter or mask sees whole megabytes and nothing finer.
fn coarse(query: &Query) -> Result<String, String> {
    let usage = &query.usage;
    let finer = [
        ("fetched", usage.fetched_bytes.is_some()),
        ("connector", usage.connector_bytes.is_some()),
        ("peak memory", usage.peak_memory_bytes.is_some()),
        ("spilled", usage.spilled_bytes.is_some()),
        ("by connection", !usage.by_connection.is_empty()),
    ];
    if let Some((name, _)) = finer.iter().find(|(_, present)| *present) {
        return Err(format!("{name} bytes are shown"));
    }
    let scanned = usage.scanned_bytes;
    if scanned == 0 || !scanned.is_multiple_of(MB) {
        return Err(format!("scanned {scanned} is not a whole number of MB"));
    }
    match usage.billed_bytes {
        Some(billed) if billed != scanned.max(LEAST_BILLED) => {
            Err(format!("billed {billed} says more than scanned {scanned}"))
        }
        _ => Ok(format!("{} MB scanned, nothing finer", scanned / MB)),
    }
}
