//! What is asked, about which lake?

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::{lake::Lake, open::Open};

/// One question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What is to be analysed.
    new: Texts,
    /// What to compare it with.
    #[serde(default)]
    old: Option<Texts>,
    /// `new` is a draft: what it does not name is as in `old`.
    #[serde(default)]
    draft: bool,
    /// Who but these reaches this?
    #[serde(default)]
    open: Option<OpenText>,
    /// Longest time for one question about one kind of request, in milliseconds.
    #[serde(default = "minute")]
    timeout_ms: u64,
}

/// A lake as its files hold it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// Cedar statements with names.
    #[serde(default)]
    pub policies: String,
    /// The documents of its YAML files, as JSON.
    #[serde(default)]
    pub maps: Vec<Value>,
}

/// `table:lake.sales.orders`, and names of roles.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenText {
    resource: String,
    #[serde(default)]
    except: Vec<String>,
}

/// A question that can be answered.
#[derive(Debug)]
pub struct Question {
    pub new: Lake,
    pub old: Option<Lake>,
    pub open: Option<Open>,
    pub timeout: Duration,
}

fn minute() -> u64 {
    60_000
}

impl Input {
    /// Reads the lakes; the policies are strictly validated.
    ///
    /// # Errors
    /// What is wrong with them, a line for each problem.
    pub fn parse(self) -> Result<Question, String> {
        let old = self.old.as_ref().map(Lake::read).transpose()?;
        let mut new = Lake::read(&self.new)?;
        if let (true, Some(old)) = (self.draft, &old) {
            new = old.clone().with(new);
        }
        let open = self.open.map(|open| Open::read(&open.resource, &open.except));
        Ok(Question {
            new,
            old,
            open: open.transpose()?,
            timeout: Duration::from_millis(self.timeout_ms),
        })
    }
}
