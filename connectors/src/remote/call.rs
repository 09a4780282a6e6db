//! What does a call say beside its message? Contract, query, deadline, trace; who asks, and the credential, sealed.
//!
//! With a shared key each call is signed: `lakegate-token-bin` holds key id, expiry, the body's SHA-256 and an HMAC over these,
//! the path and all other metadata of ours. It is verified before the body is read.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

use super::{
    grpc::broken,
    keys::{ID_BYTES, Keys, MAC_BYTES, digest_of},
    sealed::now,
};
use crate::{
    call::{CallContext, InvocationId, QueryId, TraceParent},
    connector::CONTRACT,
    credential::Credential,
    error::{ConnectorError, ConnectorErrorKind, Result},
};

const CREDENTIAL: &str = "lakegate-credential-bin";
const CONTRACT_HEADER: &str = "lakegate-contract";
const INVOCATION: &str = "lakegate-invocation";
const QUERY: &str = "lakegate-query";
const TIMEOUT: &str = "grpc-timeout";
const TOKEN: &str = "lakegate-token-bin";
const TRACE: &str = "traceparent";

/// Everything that a token signs beside the path.
const SIGNED: [&str; 6] = [CONTRACT_HEADER, CREDENTIAL, INVOCATION, QUERY, TIMEOUT, TRACE];

/// A token is good for this long; clocks may differ by it.
const TOKEN_TIME: Duration = Duration::from_secs(60);
/// No call takes longer than a day.
const MAX_TIMEOUT: Duration = Duration::from_secs(86_400);
const EXPIRY_BYTES: usize = 8;

/// The metadata of a call with this body. `credential` is what the source wants.
pub(super) fn metadata(
    keys: Option<&Keys>,
    cx: &CallContext,
    credential: &Credential,
    path: &str,
    body: &[u8],
) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let milliseconds = cx.deadline.left().min(MAX_TIMEOUT).as_millis();
    put(&mut headers, CONTRACT_HEADER, &format!("{}.{}", CONTRACT.0, CONTRACT.1))?;
    put(&mut headers, QUERY, &cx.query.0)?;
    put(&mut headers, INVOCATION, &cx.invocation.0.to_string())?;
    put(&mut headers, TIMEOUT, &format!("{milliseconds}m"))?;
    if let Some(trace) = &cx.trace.0 {
        put(&mut headers, TRACE, trace)?;
    }
    if !credential.is_empty() {
        let text = credential_text(credential)?;
        let (form, sealed) = match keys {
            Some(keys) => (b'1', keys.seal(place(cx).as_bytes(), &text)?),
            None => (b'0', text),
        };
        let sealed = [&[form], sealed.as_slice()].concat();
        put(&mut headers, CREDENTIAL, &STANDARD_NO_PAD.encode(sealed))?;
    }
    if let Some(keys) = keys {
        let token = token(keys, &headers, path, body, now())?;
        put(&mut headers, TOKEN, &STANDARD_NO_PAD.encode(token))?;
    }
    Ok(headers)
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<()> {
    let mut value = HeaderValue::from_str(value).map_err(|_| broken())?;
    value.set_sensitive(matches!(name, CREDENTIAL | TOKEN));
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}

/// A credential opens for its own query and call only.
fn place(cx: &CallContext) -> String {
    format!("{}\n{}", cx.query.0, cx.invocation.0)
}

fn credential_text(credential: &Credential) -> Result<Vec<u8>> {
    let members: BTreeMap<&str, &str> = credential
        .members()
        .filter_map(|name| Some((name, credential.expose(name)?)))
        .collect();
    serde_json::to_vec(&members).map_err(|_| broken())
}

fn token(keys: &Keys, headers: &HeaderMap, path: &str, body: &[u8], now: Duration) -> Result<Vec<u8>> {
    let expiry = (now + TOKEN_TIME).as_secs().to_be_bytes();
    let id = keys.id()?;
    let front = [id.as_slice(), &expiry, &digest_of(body)].concat();
    let mac = keys.sign_call(&signed(&front, headers, path))?;
    Ok([front.as_slice(), &mac].concat())
}

/// Each text after its length.
fn signed(front: &[u8], headers: &HeaderMap, path: &str) -> Vec<u8> {
    let mut out = front.to_vec();
    let mut add = |text: &[u8]| {
        out.extend_from_slice(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        out.extend_from_slice(text);
    };
    add(path.as_bytes());
    for name in SIGNED {
        add(headers.get(name).map_or(&[], HeaderValue::as_bytes));
    }
    out
}

/// What arrived, believed so far as its token goes.
pub(super) struct Asked {
    pub query: QueryId,
    pub invocation: InvocationId,
    pub trace: TraceParent,
    pub timeout: Duration,
    credential: Option<Vec<u8>>,
    /// Of the body that was signed.
    digest: Option<[u8; MAC_BYTES]>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asked({})", self.query)
    }
}

/// Reads and, with keys, verifies the metadata of a call.
///
/// # Errors
/// `SOURCE_UNAUTHENTICATED` without a good token; `NOT_SUPPORTED` of another contract; `CONNECTOR_PROTOCOL`.
pub(super) fn asked(keys: Option<&Keys>, headers: &HeaderMap, path: &str) -> Result<Asked> {
    asked_at(keys, headers, path, now())
}

fn asked_at(keys: Option<&Keys>, headers: &HeaderMap, path: &str, now: Duration) -> Result<Asked> {
    let digest = keys.map(|keys| verified(keys, headers, path, now)).transpose()?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    check_contract(text(CONTRACT_HEADER))?;
    let query = text(QUERY).filter(|query| query.len() < 512).ok_or_else(broken)?;
    let invocation = text(INVOCATION).and_then(|text| text.parse().ok()).ok_or_else(broken)?;
    let trace = text(TRACE).filter(|trace| trace.len() < 128);
    let credential = text(CREDENTIAL).map(|text| STANDARD_NO_PAD.decode(text.trim_end_matches('=')));
    Ok(Asked {
        query: QueryId(query.into()),
        invocation: InvocationId(invocation),
        trace: TraceParent(trace.map(Into::into)),
        timeout: timeout(text(TIMEOUT)).ok_or_else(broken)?.min(MAX_TIMEOUT),
        credential: credential.transpose().map_err(|_| broken())?,
        digest,
    })
}

/// The digest of the body, if the token is ours and still good.
fn verified(keys: &Keys, headers: &HeaderMap, path: &str, now: Duration) -> Result<[u8; MAC_BYTES]> {
    let read = || {
        let text = headers.get(TOKEN)?.to_str().ok()?;
        let token = STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
        let (front, mac) = token.split_at_checked(ID_BYTES + EXPIRY_BYTES + MAC_BYTES)?;
        let (id, rest) = front.split_at_checked(ID_BYTES)?;
        let (expiry, digest) = rest.split_at_checked(EXPIRY_BYTES)?;
        let expiry = Duration::from_secs(u64::from_be_bytes(expiry.try_into().ok()?));
        let fresh = expiry >= now && expiry <= now + TOKEN_TIME * 2;
        let known = keys.is_call(id, &signed(front, headers, path), mac);
        (fresh && known).then(|| digest.try_into().ok()).flatten()
    };
    read().ok_or_else(stranger)
}

fn check_contract(text: Option<&str>) -> Result<()> {
    let major = text.and_then(|text| text.split_once('.')?.0.parse::<u16>().ok());
    if major.ok_or_else(broken)? == CONTRACT.0 {
        return Ok(());
    }
    Err(ConnectorError::unsupported(format!(
        "the remote connector knows version {} of the contract only: run the gateway's version of it",
        CONTRACT.0
    )))
}

/// `grpc-timeout`: up to eight digits and a unit.
fn timeout(text: Option<&str>) -> Option<Duration> {
    let text = text?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(number.checked_mul(3_600)?)),
        "M" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

impl Asked {
    /// Is this the body that was signed?
    pub(super) fn check_body(&self, body: &[u8]) -> Result<()> {
        match self.digest {
            Some(digest) if digest != digest_of(body) => Err(stranger()),
            _ => Ok(()),
        }
    }

    /// The credential that came along. Where there is a key, it must have been sealed with it.
    pub(super) fn credential(&self, keys: Option<&Keys>) -> Result<Option<Credential>> {
        let Some(bytes) = &self.credential else {
            return Ok(None);
        };
        let place = format!("{}\n{}", self.query.0, self.invocation.0);
        let text = match (bytes.split_first(), keys) {
            (Some((b'1', sealed)), Some(keys)) => keys.open(place.as_bytes(), sealed),
            (Some((b'0', text)), None) => Some(text.to_vec()),
            _ => None,
        };
        let text = text.ok_or_else(stranger)?;
        let members: BTreeMap<String, String> = serde_json::from_slice(&text).map_err(|_| broken())?;
        let members = members
            .into_iter()
            .map(|(name, value)| (name, SecretString::from(value)));
        Ok(Some(Credential::new(members)))
    }

    /// The context of the call, over this connection.
    pub(super) fn context(self, connection: crate::connection::Connection) -> CallContext {
        let mut cx = CallContext::new(Arc::clone(&self.query.0), Arc::new(connection), self.timeout);
        cx.invocation = self.invocation;
        cx.trace = self.trace;
        cx
    }
}

fn stranger() -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::Unauthenticated,
        "the remote connector does not accept this gateway: both need the same key",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Connection;

    const PATH: &str = "/arrow.flight.protocol.FlightService/DoGet";

    fn keys(digits: &str) -> Keys {
        Keys::of_hex([digits.repeat(32).as_str()]).expect("keys")
    }

    fn call() -> CallContext {
        let mut cx = CallContext::new("q", Arc::new(Connection::default()), Duration::from_secs(30));
        cx.trace = TraceParent(Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()));
        cx
    }

    fn headers(keys: Option<&Keys>) -> HeaderMap {
        let credential = Credential::from_plain([("user", "ana"), ("password", "hunter2")]);
        metadata(keys, &call(), &credential, PATH, b"body").expect("metadata")
    }

    fn kind<T: fmt::Debug>(outcome: Result<T>) -> ConnectorErrorKind {
        outcome.expect_err("refused").kind()
    }

    #[test]
    fn a_signed_call_is_believed_and_no_other() {
        let (ours, theirs) = (keys("ab"), keys("cd"));
        let sent = headers(Some(&ours));
        let read = asked(Some(&ours), &sent, PATH).expect("asked");
        assert_eq!((read.query.0.as_ref(), read.trace.clone()), ("q", call().trace));
        assert!(read.timeout > Duration::from_secs(29) && read.timeout <= Duration::from_secs(30));
        assert!(read.check_body(b"body").is_ok());
        assert_eq!(kind(read.check_body(b"other")), ConnectorErrorKind::Unauthenticated);
        let opened = read.credential(Some(&ours)).expect("credential").expect("sent");
        assert_eq!(
            (opened.expose("user"), opened.expose("password")),
            (Some("ana"), Some("hunter2"))
        );

        let unauthenticated = ConnectorErrorKind::Unauthenticated;
        assert_eq!(kind(asked(Some(&theirs), &sent, PATH)), unauthenticated);
        assert_eq!(kind(asked(Some(&ours), &sent, "/other")), unauthenticated);
        assert_eq!(kind(asked(Some(&ours), &headers(None), PATH)), unauthenticated);
        for name in SIGNED {
            let mut changed = sent.clone();
            changed.insert(HeaderName::from_static(name), HeaderValue::from_static("1.7"));
            assert_eq!(kind(asked(Some(&ours), &changed, PATH)), unauthenticated, "{name}");
            changed.remove(name);
            assert_eq!(kind(asked(Some(&ours), &changed, PATH)), unauthenticated, "{name}");
        }
        for later in [130, 0] {
            // Too late, and too far ahead.
            let at = if later > 0 {
                now() + Duration::from_secs(later)
            } else {
                now() - Duration::from_secs(100)
            };
            assert_eq!(kind(asked_at(Some(&ours), &sent, PATH, at)), unauthenticated);
        }
    }

    #[test]
    fn a_credential_is_not_shown_and_not_moved() {
        let ours = keys("ab");
        let sent = headers(Some(&ours));
        let shown = format!("{sent:?}");
        assert!(!shown.contains("hunter2") && !shown.contains(&STANDARD_NO_PAD.encode("hunter2")));
        assert!(sent.get(CREDENTIAL).expect("sent").is_sensitive());
        // In another call it does not open, nor is one taken that was not sealed.
        let mut moved = asked(Some(&ours), &sent, PATH).expect("asked");
        moved.invocation = InvocationId::fresh();
        assert!(moved.credential(Some(&ours)).is_err());
        let plain = asked(None, &headers(None), PATH).expect("asked");
        assert_eq!(format!("{plain:?}"), "Asked(q)");
        assert!(plain.credential(Some(&ours)).is_err());
        assert!(plain.credential(None).expect("credential").is_some());
    }

    #[test]
    fn another_contract_is_refused_and_times_are_read() {
        for (text, fine) in [("1.0", true), ("1.9", true), ("2.0", false), ("0.9", false)] {
            let mut sent = headers(None);
            sent.insert(CONTRACT_HEADER, HeaderValue::from_static(text));
            assert_eq!(asked(None, &sent, PATH).is_ok(), fine, "{text}");
        }
        assert_eq!(timeout(Some("1500m")), Some(Duration::from_millis(1_500)));
        assert_eq!(timeout(Some("2H")), Some(Duration::from_secs(7_200)));
        for text in [None, Some(""), Some("m"), Some("123456789m"), Some("-1S"), Some("1é")] {
            assert_eq!(timeout(text), None, "{text:?}");
        }
    }
}
