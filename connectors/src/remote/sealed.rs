//! How does a handle leave the process? Signed, bound to what it was given out for, and for a time.
//!
//! `version ‖ key id ‖ kind ‖ connection id and version ‖ query id ‖ stage ‖ expiry ‖ payload ‖ HMAC-SHA-256`; texts stand after
//! their lengths, so that no two meanings have the same bytes. What is wrong with a handle is never told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Buf, BufMut, Bytes};

use super::keys::{ID_BYTES, Keys, MAC_BYTES};
use crate::{
    call::CallContext,
    error::{ConnectorError, ConnectorErrorKind, Result},
};

/// Bytes of a payload, at most.
pub(super) const MAX_PAYLOAD: usize = 64 << 10;
/// Handles of tables are good for this long.
const TABLE_TIME: Duration = Duration::from_secs(3_600);
/// Handles of scans and splits are good for this long after the deadline of their query.
const GRACE: Duration = Duration::from_secs(300);
const VERSION: u8 = 1;
/// Kind, ids and numbers are never longer together.
const MAX_HEADER: usize = 4 << 10;

/// What a handle is good for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Table = 1,
    Scan = 2,
    Split = 3,
}

/// Signs a handle for the connection of the call, and, but for tables, for its query.
///
/// # Errors
/// `SOURCE_LIMIT_EXCEEDED` if the payload is too large.
pub(super) fn seal(keys: &Keys, cx: &CallContext, stage: Stage, payload: &[u8]) -> Result<Bytes> {
    seal_at(keys, cx, stage, payload, now())
}

fn seal_at(keys: &Keys, cx: &CallContext, stage: Stage, payload: &[u8], now: Duration) -> Result<Bytes> {
    if payload.len() > MAX_PAYLOAD {
        return Err(ConnectorError::new(
            ConnectorErrorKind::LimitExceeded,
            "the table has too many columns for a remote connector",
        ));
    }
    let good_for = match stage {
        Stage::Table => TABLE_TIME,
        Stage::Scan | Stage::Split => cx.deadline.left() + GRACE,
    };
    let mut out = bound(&keys.id()?, cx, stage)?;
    out.put_u64((now + good_for).as_secs());
    out.put_slice(payload);
    let mac = keys.sign_handle(&out)?;
    out.put_slice(&mac);
    Ok(out.into())
}

/// The payload of a handle that was given out for this connection, query and stage, and is still good.
///
/// # Errors
/// `HANDLE_INVALID`, without detail.
pub(super) fn open(keys: &Keys, cx: &CallContext, stage: Stage, sealed: &Bytes) -> Result<Bytes> {
    open_at(keys, cx, stage, sealed, now())
}

/// The same of a handle that stands inside of what another good handle is bound to: it may have expired since.
///
/// # Errors
/// `HANDLE_INVALID`, without detail.
pub(super) fn open_bound(keys: &Keys, cx: &CallContext, stage: Stage, sealed: &Bytes) -> Result<Bytes> {
    open_at(keys, cx, stage, sealed, Duration::ZERO)
}

fn open_at(keys: &Keys, cx: &CallContext, stage: Stage, sealed: &Bytes, now: Duration) -> Result<Bytes> {
    if sealed.len() > MAX_HEADER + MAX_PAYLOAD + MAC_BYTES {
        return Err(invalid());
    }
    let signed = sealed.len().checked_sub(MAC_BYTES).ok_or_else(invalid)?;
    let (signed, mac) = (sealed.slice(..signed), sealed.slice(signed..));
    let id = signed.get(1..=ID_BYTES).ok_or_else(invalid)?;
    if !keys.is_handle(id, &signed, &mac) {
        return Err(invalid());
    }
    let expected = bound(id, cx, stage)?;
    let mut rest = signed.strip_prefix(expected.as_slice()).ok_or_else(invalid)?;
    let expiry = rest.try_get_u64().map_err(|_| invalid())?;
    if expiry < now.as_secs() {
        return Err(invalid());
    }
    Ok(signed.slice_ref(rest))
}

/// What a handle is bound to, as it stands at its beginning.
fn bound(id: &[u8], cx: &CallContext, stage: Stage) -> Result<Vec<u8>> {
    let query = match stage {
        Stage::Table => "",
        Stage::Scan | Stage::Split => &cx.query.0,
    };
    let mut out = vec![VERSION];
    out.put_slice(id);
    put_text(&mut out, &cx.connection.kind)?;
    put_text(&mut out, &cx.connection.id)?;
    out.put_u64(cx.connection.version);
    put_text(&mut out, query)?;
    out.put_u8(stage as u8);
    Ok(out)
}

fn put_text(out: &mut Vec<u8>, text: &str) -> Result<()> {
    let length = u16::try_from(text.len()).ok().filter(|length| *length < 1_024);
    out.put_u16(length.ok_or_else(invalid)?);
    out.put_slice(text.as_bytes());
    Ok(())
}

pub(super) fn invalid() -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::HandleInvalid, "the handle is not valid")
}

/// Since 1970.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{call::QueryId, connection::Connection, contract::random::Random};

    fn keys(digits: &[&str]) -> Keys {
        let keys: Vec<String> = digits.iter().map(|digit| digit.repeat(32)).collect();
        Keys::of_hex(keys.iter().map(String::as_str)).expect("keys")
    }

    fn call(query: &str, id: &str, version: u64, kind: &str) -> CallContext {
        let connection = Connection {
            id: id.into(),
            version,
            kind: kind.into(),
            ..Connection::default()
        };
        CallContext::new(query, Arc::new(connection), Duration::from_secs(60))
    }

    fn refused(found: Result<Bytes>, why: &str) {
        let error = found.expect_err(why);
        let silent = error.detail().is_none() && std::error::Error::source(&error).is_none();
        assert_eq!(
            (error.code(), error.to_string().as_str(), silent),
            ("HANDLE_INVALID", "the handle is not valid", true),
            "{why}"
        );
    }

    #[test]
    fn is_good_for_what_it_was_given_out_for() {
        let (keys, cx) = (keys(&["ab"]), call("q", "c", 7, "postgres"));
        for stage in [Stage::Table, Stage::Scan, Stage::Split] {
            let sealed = seal(&keys, &cx, stage, b"payload").expect("sealed");
            assert_eq!(open(&keys, &cx, stage, &sealed).expect("open"), &b"payload"[..]);
            for other in [Stage::Table, Stage::Scan, Stage::Split]
                .into_iter()
                .filter(|other| *other != stage)
            {
                refused(open(&keys, &cx, other, &sealed), "stage");
            }
            refused(
                open(&keys, &call("q", "d", 7, "postgres"), stage, &sealed),
                "connection",
            );
            refused(open(&keys, &call("q", "c", 8, "postgres"), stage, &sealed), "version");
            refused(open(&keys, &call("q", "c", 7, "sqlite"), stage, &sealed), "kind");
            let mut other = cx.clone();
            other.query = QueryId("r".into());
            match stage {
                Stage::Table => assert!(open(&keys, &other, stage, &sealed).is_ok()),
                Stage::Scan | Stage::Split => refused(open(&keys, &other, stage, &sealed), "query"),
            }
            // Lengths stand before texts: what one ends with the other does not begin with.
            refused(open(&keys, &call("q", "cq", 7, "postgres"), stage, &sealed), "seam");
        }
        assert!(seal(&keys, &cx, Stage::Table, &vec![0; MAX_PAYLOAD]).is_ok());
        let large = seal(&keys, &cx, Stage::Table, &vec![0; MAX_PAYLOAD + 1]).expect_err("large");
        assert_eq!(large.kind(), ConnectorErrorKind::LimitExceeded);
    }

    #[test]
    fn one_bit_or_byte_is_enough() {
        let (keys, cx) = (keys(&["ab"]), call("q", "c", 7, "postgres"));
        let sealed = seal(&keys, &cx, Stage::Split, b"payload").expect("sealed");
        for bit in 0..sealed.len() * 8 {
            let mut spoilt = sealed.to_vec();
            spoilt[bit / 8] ^= 1 << (bit % 8);
            refused(open(&keys, &cx, Stage::Split, &spoilt.into()), "bit");
        }
        for length in 0..sealed.len() {
            refused(open(&keys, &cx, Stage::Split, &sealed.slice(..length)), "cut");
            refused(
                open(&keys, &cx, Stage::Split, &sealed.slice(length + 1..)),
                "cut before",
            );
        }
        let mut random = Random::of(1);
        for _ in 0..2_000 {
            let junk: Vec<u8> = (0..random.below(200))
                .map(|_| u8::try_from(random.below(256)).expect("byte"))
                .collect();
            refused(open(&keys, &cx, Stage::Split, &junk.into()), "junk");
        }
        refused(open(&keys, &cx, Stage::Split, &vec![1; 1 << 20].into()), "large");
    }

    #[test]
    fn expires_and_outlives_a_rotation() {
        let cx = call("q", "c", 7, "postgres");
        let (old, rotated, new) = (keys(&["ab"]), keys(&["cd", "ab"]), keys(&["cd"]));
        let then = Duration::from_secs(1_000_000);
        for (stage, good_for) in [(Stage::Table, 3_600), (Stage::Scan, 359), (Stage::Split, 359)] {
            let sealed = seal_at(&old, &cx, stage, b"x", then).expect("sealed");
            let at = |seconds| then + Duration::from_secs(seconds);
            assert!(open_at(&old, &cx, stage, &sealed, at(good_for)).is_ok());
            refused(open_at(&old, &cx, stage, &sealed, at(good_for + 2)), "expiry");
            assert!(open_at(&rotated, &cx, stage, &sealed, then).is_ok());
            refused(open_at(&new, &cx, stage, &sealed, then), "key");
            let sealed = seal_at(&rotated, &cx, stage, b"x", then).expect("sealed");
            assert!(open_at(&new, &cx, stage, &sealed, then).is_ok());
        }
    }
}
