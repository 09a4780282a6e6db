//! Which version does the client believe to change? `If-Match` holds the `ETag` that it has read.

use axum::extract::FromRequestParts;
use http::{header, request::Parts};
use lakegate_query::error::ErrorCode;

use crate::error::ApiError;

/// A version that no object has: an `ETag` that is not ours never matches.
const NO_VERSION: i64 = -1;

/// The versions that the client accepts. Updates and deletes do not go without.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum IfMatch {
    /// `*`: whatever is there.
    Any,
    /// One of these.
    Versions(Vec<i64>),
}

impl IfMatch {
    /// The version to expect, if `current` is stored.
    #[must_use]
    pub fn expected(&self, current: i64) -> i64 {
        match self {
            Self::Any => current,
            Self::Versions(versions) if versions.contains(&current) => current,
            Self::Versions(_) => NO_VERSION,
        }
    }

    /// Refuses a version that is not `current`.
    ///
    /// # Errors
    /// `STALE_VERSION`.
    pub fn check(&self, what: &str, current: i64) -> Result<(), ApiError> {
        if self.expected(current) == current {
            return Ok(());
        }
        let message = format!(
            "{what} is at another version than `If-Match` says: read it again and repeat the change with its new `ETag`"
        );
        Err(ApiError::new(ErrorCode::StaleVersion, message))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            let message = "send the object's `ETag` as `If-Match`";
            return Err(ApiError::new(ErrorCode::MissingPrecondition, message));
        };
        Ok(parse(value.to_str().unwrap_or_default()))
    }
}

/// `*`, or quoted versions with commas between; weak ones never match (RFC 9110 §13.1.1).
fn parse(text: &str) -> IfMatch {
    if text.trim() == "*" {
        return IfMatch::Any;
    }
    let version = |tag: &str| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    IfMatch::Versions(
        text.split(',')
            .filter_map(version)
            .filter(|version| *version > 0)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strong_tags_of_ours_match() {
        assert_eq!(parse(" * "), IfMatch::Any);
        assert_eq!(parse("\"3\"").expected(3), 3);
        assert_eq!(parse("\"2\", \"3\"").expected(3), 3);
        for other in ["\"4\"", "3", "W/\"3\"", "", "\"-1\"", "\"x\""] {
            assert_eq!(parse(other).expected(3), NO_VERSION, "{other}");
            assert!(parse(other).check("it", 3).is_err());
        }
        assert_eq!(IfMatch::Any.expected(7), 7);
    }
}
