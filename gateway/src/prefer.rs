//! How long does the client want to wait for the end? `Prefer: wait=N` of RFC 7240.

use std::{convert::Infallible, time::Duration};

use axum::extract::FromRequestParts;
use http::request::Parts;

/// Longest wait of one request.
pub const MAX_WAIT: Duration = Duration::from_secs(60);

/// Absent: do not wait. A preference that cannot be read is ignored, as the RFC asks.
#[derive(Clone, Copy, Debug)]
pub struct PreferWait(pub Option<Duration>);

impl<S: Send + Sync> FromRequestParts<S> for PreferWait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts
            .headers
            .get_all("prefer")
            .iter()
            .filter_map(|value| value.to_str().ok());
        let mut preferences = values.flat_map(|value| value.split([',', ';'])).map(str::trim);
        let wait = preferences.find_map(|preference| preference.strip_prefix("wait=")?.trim_matches('"').parse().ok());
        Ok(Self(wait.map(|seconds| Duration::from_secs(seconds).min(MAX_WAIT))))
    }
}
