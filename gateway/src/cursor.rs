//! Where does the next page begin? Cursors that only the principal who got them can use, on the same list and filter.
//!
//! A cursor holds the place of the last row of a page in clear and a MAC; it is not a secret, it only cannot be made up.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use lakegate_query::{context::Caller, error::ErrorCode};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::error::ApiError;

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 1_000;
const MAC_BYTES: usize = 16;

/// Seals and opens cursors.
#[derive(Clone)]
pub struct CursorSeal {
    key: Vec<u8>,
}

/// Never prints the key.
impl std::fmt::Debug for CursorSeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorSeal")
    }
}

/// What a cursor is bound to.
#[derive(Clone, Debug)]
pub struct CursorScope {
    principal: String,
    route: &'static str,
    filter: String,
}

impl CursorScope {
    /// The list at `route`, as `caller` filters it. `filter` is everything that chooses rows; neither limit nor cursor.
    pub fn new(caller: &Caller, route: &'static str, filter: &impl Serialize) -> Self {
        let filter = serde_json::to_string(filter).unwrap_or_default();
        Self {
            principal: caller.user.to_string(),
            route,
            filter,
        }
    }
}

impl CursorSeal {
    /// A seal under a key that is derived from the server's pepper.
    #[must_use]
    pub fn new(pepper: &[u8]) -> Self {
        Self {
            key: mac(pepper, &[b"lakegate cursor"]),
        }
    }

    /// Writes the place of the last row of a page.
    pub fn seal(&self, scope: &CursorScope, place: &impl Serialize) -> String {
        let payload = serde_json::to_vec(place).unwrap_or_default();
        let mut sealed = self.mac(scope, &payload);
        sealed.extend_from_slice(&payload);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// Reads the place back.
    ///
    /// # Errors
    /// `INVALID_CURSOR` if it was changed, or made for another principal, route or filter.
    pub fn open<T: DeserializeOwned>(&self, scope: &CursorScope, cursor: &str) -> Result<T, ApiError> {
        let refuse = || ApiError::new(ErrorCode::InvalidCursor, "`cursor` is not one of this list");
        let sealed = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refuse())?;
        let (given, payload) = sealed.split_at_checked(MAC_BYTES).ok_or_else(refuse)?;
        let expected = self.mac(scope, payload);
        if !bool::from(subtle::ConstantTimeEq::ct_eq(expected.as_slice(), given)) {
            return Err(refuse());
        }
        serde_json::from_slice(payload).map_err(|_| refuse())
    }

    fn mac(&self, scope: &CursorScope, payload: &[u8]) -> Vec<u8> {
        let parts = [
            scope.principal.as_bytes(),
            scope.route.as_bytes(),
            scope.filter.as_bytes(),
            payload,
        ];
        let mut full = mac(&self.key, &parts);
        full.truncate(MAC_BYTES);
        full
    }
}

/// HMAC-SHA-256 over parts, each led by its length so that no two lists of parts are alike.
fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// Size of a page of a list: 50 if not given.
///
/// # Errors
/// `INVALID_REQUEST` outside 1 to 1000.
pub fn page_limit(limit: Option<u32>) -> Result<u32, ApiError> {
    match limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(ApiError::invalid(format!(
            "`limit` must be a number from 1 to {MAX_LIMIT}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(principal: &str, filter: &str) -> CursorScope {
        CursorScope {
            principal: principal.to_owned(),
            route: "/v1/queries",
            filter: filter.to_owned(),
        }
    }

    #[test]
    fn a_cursor_is_bound_to_principal_and_filter() {
        let seal = CursorSeal::new(b"pepper");
        let cursor = seal.seal(&scope("a", "f"), &("2024", 7));
        assert_eq!(
            seal.open::<(String, u32)>(&scope("a", "f"), &cursor).unwrap(),
            ("2024".to_owned(), 7)
        );
        assert!(seal.open::<(String, u32)>(&scope("b", "f"), &cursor).is_err());
        assert!(seal.open::<(String, u32)>(&scope("a", "g"), &cursor).is_err());
        assert!(
            CursorSeal::new(b"other")
                .open::<(String, u32)>(&scope("a", "f"), &cursor)
                .is_err()
        );
    }

    #[test]
    fn a_changed_cursor_is_refused() {
        let seal = CursorSeal::new(b"pepper");
        let cursor = seal.seal(&scope("a", "f"), &7);
        for changed in ["", "x", "!!", &cursor[1..], &format!("{cursor}A")] {
            let error = seal.open::<u32>(&scope("a", "f"), changed).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidCursor);
        }
    }

    #[test]
    fn pages_have_limits() {
        assert_eq!(page_limit(None).unwrap(), 50);
        assert!(page_limit(Some(0)).is_err());
        assert!(page_limit(Some(1_001)).is_err());
    }
}
