//! What do a gateway and its remote connectors share? A key, from which all others are derived; the one before it still opens.
//!
//! It signs handles and calls (HMAC-SHA-256) and seals credentials (AES-256-GCM-SIV). It is never sent.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hmac, rand,
};

use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// Bytes of a key's id, which says nothing about the key.
pub(super) const ID_BYTES: usize = 4;
/// Bytes of a signature.
pub(super) const MAC_BYTES: usize = 32;
const KEY_BYTES: usize = 32;

/// Keys of one trust: the first signs and seals, all of them verify and open.
pub struct Keys(Vec<Key>);

struct Key {
    id: [u8; ID_BYTES],
    handles: hmac::Key,
    calls: hmac::Key,
    credentials: LessSafeKey,
}

impl Keys {
    /// Of keys of 64 hex digits each, the newest first.
    ///
    /// # Errors
    /// `SOURCE_INVALID_REQUEST` if there is none, or one has another form.
    pub fn of_hex<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let parsed: Vec<Key> = keys.into_iter().map(parse).collect::<Result<_>>()?;
        if parsed.is_empty() {
            return Err(form());
        }
        Ok(Self(parsed))
    }

    /// A key that nobody else has: for handles of a process without replicas.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn fresh() -> Result<Self> {
        let mut secret = [0; KEY_BYTES];
        rand::fill(&mut secret).map_err(|_| failed())?;
        Ok(Self(vec![Key::of(&secret)?]))
    }

    fn first(&self) -> Result<&Key> {
        self.0.first().ok_or_else(failed)
    }

    fn by_id(&self, id: &[u8]) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }

    /// Id of the key that signs now.
    pub(super) fn id(&self) -> Result<[u8; ID_BYTES]> {
        Ok(self.first()?.id)
    }

    /// Signature of a handle, by the key that signs now.
    pub(super) fn sign_handle(&self, signed: &[u8]) -> Result<[u8; MAC_BYTES]> {
        bytes(hmac::sign(&self.first()?.handles, signed))
    }

    /// Did we sign this handle? In constant time.
    pub(super) fn is_handle(&self, id: &[u8], signed: &[u8], mac: &[u8]) -> bool {
        self.by_id(id)
            .is_some_and(|key| hmac::verify(&key.handles, signed, mac).is_ok())
    }

    /// Signature of a call, by the key that signs now.
    pub(super) fn sign_call(&self, signed: &[u8]) -> Result<[u8; MAC_BYTES]> {
        bytes(hmac::sign(&self.first()?.calls, signed))
    }

    /// Was this call signed by one of the keys? In constant time.
    pub(super) fn is_call(&self, id: &[u8], signed: &[u8], mac: &[u8]) -> bool {
        self.by_id(id)
            .is_some_and(|key| hmac::verify(&key.calls, signed, mac).is_ok())
    }

    /// Key id, nonce and sealed text. Opens with the same `place` only.
    pub(super) fn seal(&self, place: &[u8], text: &[u8]) -> Result<Vec<u8>> {
        let key = self.first()?;
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| failed())?;
        let mut sealed = text.to_vec();
        key.credentials
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut sealed)
            .map_err(|_| failed())?;
        Ok([key.id.as_slice(), &nonce, &sealed].concat())
    }

    /// What was sealed, if it was with one of the keys and for this place.
    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (id, rest) = sealed.split_at_checked(ID_BYTES)?;
        let (nonce, rest) = rest.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = rest.to_vec();
        let opened = self
            .by_id(id)?
            .credentials
            .open_in_place(nonce, Aad::from(place), &mut text);
        Some(opened.ok()?.to_vec())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} [redacted])", self.0.len())
    }
}

impl Key {
    fn of(secret: &[u8; KEY_BYTES]) -> Result<Self> {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = |label: &str| bytes(hmac::sign(&root, format!("lakegate connector 1 {label}").as_bytes()));
        let id = derived("id")?;
        let cipher = UnboundKey::new(&AES_256_GCM_SIV, &derived("credentials")?).map_err(|_| failed())?;
        Ok(Self {
            id: id.first_chunk().copied().ok_or_else(failed)?,
            handles: hmac::Key::new(hmac::HMAC_SHA256, &derived("handles")?),
            calls: hmac::Key::new(hmac::HMAC_SHA256, &derived("calls")?),
            credentials: LessSafeKey::new(cipher),
        })
    }
}

/// SHA-256.
pub(super) fn digest_of(bytes: &[u8]) -> [u8; MAC_BYTES] {
    let mut out = [0; MAC_BYTES];
    let digest = digest::digest(&digest::SHA256, bytes);
    out.iter_mut().zip(digest.as_ref()).for_each(|(out, byte)| *out = *byte);
    out
}

fn bytes(tag: hmac::Tag) -> Result<[u8; MAC_BYTES]> {
    tag.as_ref().try_into().map_err(|_| failed())
}

fn parse(text: &str) -> Result<Key> {
    let mut secret = [0; KEY_BYTES];
    hex::decode_to_slice(text.trim(), &mut secret).map_err(|_| form())?;
    Key::of(&secret)
}

fn form() -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::InvalidRequest,
        "a key of a remote connector is 64 hex digits; `openssl rand -hex 32` makes one",
    )
}

fn failed() -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::Internal, "nothing can be signed or sealed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_in_its_place_only_and_with_the_keys_before() {
        let (one, two) = ("11".repeat(32), "22".repeat(32));
        let old = Keys::of_hex([one.as_str()]).expect("keys");
        let rotated = Keys::of_hex([two.as_str(), one.as_str()]).expect("keys");
        let new = Keys::of_hex([two.as_str()]).expect("keys");
        let sealed = old.seal(b"here", b"hunter2").expect("sealed");
        assert_eq!(rotated.open(b"here", &sealed).as_deref(), Some(&b"hunter2"[..]));
        assert_eq!(old.open(b"there", &sealed), None);
        assert_eq!(new.open(b"here", &sealed), None);
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        for at in 0..sealed.len() {
            let mut spoilt = sealed.clone();
            spoilt[at] ^= 1;
            assert_eq!(old.open(b"here", &spoilt), None, "{at}");
        }
        assert!(Keys::of_hex([]).is_err() && Keys::of_hex(["11"]).is_err());
        assert!(!format!("{old:?}").contains("11"));
    }
}
