//! How is a stored resource shown? The members of its entry with id, name, version and times; the version is the `ETag`.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::{ApiError, Result},
    extract::Json,
    lake::EntryView,
};

/// The typed shape of a resource.
///
/// # Errors
/// The shape on the wire does not know a member of the entry: our fault.
pub fn typed<T: DeserializeOwned>(view: EntryView) -> Result<T> {
    serde_json::from_value(view.body)
        .map_err(|error| ApiError::internal(format!("`{}` has no shape on the wire: {error}", view.name)))
}

/// 200 with the resource.
///
/// # Errors
/// Those of [`typed`].
pub fn found<T: DeserializeOwned + Serialize>(view: EntryView) -> Result<Response> {
    let version = view.version;
    Ok(with_version(version, &typed::<T>(view)?))
}

/// 201 with the resource; `path` are the segments of its location below `/v1`.
///
/// # Errors
/// Those of [`typed`].
pub fn created<T: DeserializeOwned + Serialize>(path: &[&str], view: EntryView) -> Result<Response> {
    Ok(at(path, found::<T>(view)?))
}

/// 204.
#[must_use]
pub fn deleted() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// 200 with a body, and the version that it was read at.
pub fn with_version(version: i64, body: &impl Serialize) -> Response {
    let mut response = Json(body).into_response();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// Makes an answer 201 with a location.
#[must_use]
pub fn at(path: &[&str], answer: Response) -> Response {
    let mut response = answer;
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::from_str(&location(path)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The path of a resource.
#[must_use]
pub fn location(path: &[&str]) -> String {
    let mut location = String::from("/v1");
    for segment in path {
        location.push('/');
        for byte in segment.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => location.push(char::from(byte)),
                _ => location.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    location
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_percent_encoded() {
        assert_eq!(location(&["roles", "a b/ü"]), "/v1/roles/a%20b%2F%C3%BC");
    }
}
