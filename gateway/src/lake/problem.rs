//! What is wrong with a lake, where does it stand, and what is the remedy?

use std::{fmt, sync::Arc};

use serde::Serialize;

/// Place of a value, 1-based. Line 0: the input has no lines (a JSON body).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Place {
    /// File as given, `-` for the standard input, `request` for a body.
    pub file: Arc<str>,
    /// Line; 0 if there is none.
    pub line: usize,
    /// Column in characters; 0 if there is none.
    pub column: usize,
}

impl Place {
    /// The place of a whole input.
    #[must_use]
    pub fn of_input(file: &str) -> Self {
        Self {
            file: Arc::from(file),
            line: 0,
            column: 0,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            f.write_str(&self.file)
        } else {
            write!(f, "{}:{}:{}", self.file, self.line, self.column)
        }
    }
}

/// What kind of problem it is; decides the error code.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ProblemCode {
    /// The entry is wrong: change it.
    ConfigurationInvalid,
    /// A Cedar statement is wrong.
    PolicyInvalid,
    /// Known, but not implemented in this version.
    NotSupported,
    /// Somebody else made it (another lake), or it exists already.
    AlreadyExists,
    /// Missing, or hidden from the caller: the same.
    NotFound,
    /// Visible, but the caller may not change it.
    AccessDenied,
    /// The change lets somebody see or do more, and nobody has approved that.
    GainsUnapproved,
    /// The version named in `If-Match` is stale.
    StaleVersion,
    /// A source that the entry needs cannot be reached.
    SourceUnavailable,
    /// The metadata store cannot be reached.
    StoreUnavailable,
    /// Our fault.
    Internal,
}

impl ProblemCode {
    /// The stable code as it travels.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::ConfigurationInvalid => "CONFIGURATION_INVALID",
            Self::PolicyInvalid => "POLICY_INVALID",
            Self::NotSupported => "NOT_SUPPORTED",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::NotFound => "NOT_FOUND",
            Self::AccessDenied => "ACCESS_DENIED",
            Self::GainsUnapproved => "GAINS_NEED_APPROVAL",
            Self::StaleVersion => "STALE_VERSION",
            Self::SourceUnavailable => "SOURCE_UNAVAILABLE",
            Self::StoreUnavailable => "STORE_UNAVAILABLE",
            Self::Internal => "INTERNAL_ERROR",
        }
    }
}

impl Serialize for ProblemCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

/// One problem of a lake.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// Stable code.
    pub code: ProblemCode,
    /// Where the wrong value stands.
    pub place: Place,
    /// What is wrong, as one sentence without period.
    pub message: String,
    /// What to do about it; may be empty where the message says it.
    pub remedy: String,
}

impl Problem {
    /// `CONFIGURATION_INVALID`.
    #[must_use]
    pub fn invalid(place: &Place, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(ProblemCode::ConfigurationInvalid, place, message, remedy)
    }

    /// `NOT_SUPPORTED`; `feature` completes "… is not supported in this version".
    #[must_use]
    pub fn not_supported(place: &Place, feature: &str) -> Self {
        let message = format!("{feature} is not supported in this version");
        Self::new(
            ProblemCode::NotSupported,
            place,
            message,
            "leave it out, or use a newer version",
        )
    }

    /// Any code.
    #[must_use]
    pub fn new(code: ProblemCode, place: &Place, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code,
            place: place.clone(),
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.code.text(), self.message)?;
        if self.remedy.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", self.remedy)
        }
    }
}

/// Every problem found, in the order of files and lines.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sorted by place, duplicates removed.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort_by(|left, right| left.place.cmp(&right.place));
        self.0.dedup();
        self.0
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, problems: I) {
        self.0.extend(problems);
    }
}

/// The known name that is nearest to a misspelt one, if one is near.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = if name.chars().count() <= 3 { 1 } else { 3 };
    let lower = name.to_lowercase();
    let near = known
        .into_iter()
        .map(|known| (distance(&lower, &known.to_lowercase()), known));
    near.filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, known)| known)
}

/// "did you mean …?" or the list of what is known.
#[must_use]
pub fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    const SHOWN: usize = 20;
    if let Some(nearest) = nearest(name, known.clone()) {
        return format!("did you mean `{nearest}`?");
    }
    let known: Vec<&str> = known.into_iter().take(SHOWN).collect();
    if known.is_empty() {
        "none is known".to_owned()
    } else {
        format!("known are `{}`", known.join("`, `"))
    }
}

/// Edit distance of two short names.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().take(64).enumerate() {
        let mut next = vec![i + 1];
        for ((r, diagonal), above) in right.iter().zip(&row).zip(row.iter().skip(1)) {
            let before = next.last().copied().unwrap_or(0);
            next.push((diagonal + usize::from(l != *r)).min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
