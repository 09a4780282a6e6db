//! How is a secret stored? Sealed in an envelope that only the operator's master key opens, and only in its own place.
//!
//! Each secret and version has a fresh data key (AES-256-GCM-SIV); the master key wraps the data key. Tenant, kind, id and version
//! are authenticated with both: a row that is moved, swapped or set back does not open.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretBox};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Bytes of master keys, data keys and sealed secrets.
pub const KEY_BYTES: usize = 32;
const CIPHER: &str = "AES-256-GCM-SIV";

/// The operator's key, which is in no store.
pub struct MasterKey(SecretBox<[u8; KEY_BYTES]>);

/// Where a secret belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SealedPlace<'a> {
    pub tenant: &'a str,
    pub kind: &'a str,
    pub id: &'a str,
    pub version: i64,
}

/// A sealed secret as it is stored. Nonces precede what they sealed; all in hex.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    pub cipher: String,
    /// Which master key sealed it; says nothing about the key itself.
    pub master: String,
    pub data_key: String,
    pub secret: String,
}

/// Why a secret cannot be sealed or opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealProblem {
    /// A master key of another form.
    #[error("a master key is 64 hex digits; `openssl rand -hex 32` makes one")]
    MasterKey,
    /// Sealed under another master key.
    #[error("the secret was sealed under master key {sealed}, this server has {here}: give it that key")]
    OtherMaster { sealed: String, here: String },
    /// Changed, moved, or of another form.
    #[error("the sealed secret is damaged, or stands in another place than it was sealed for")]
    Damaged,
    /// The system gives no random bytes, or the library failed.
    #[error("nothing can be sealed: {0}")]
    Failed(&'static str),
}

impl MasterKey {
    /// The key of these 64 hex digits.
    ///
    /// # Errors
    /// [`SealProblem::MasterKey`].
    pub fn of_hex(text: &str) -> Result<Self, SealProblem> {
        let mut key = SecretBox::new(Box::new([0; KEY_BYTES]));
        let written = hex::decode_to_slice(text.trim(), secrecy::ExposeSecretMut::expose_secret_mut(&mut key));
        written.map_err(|_| SealProblem::MasterKey)?;
        Ok(Self(key))
    }

    /// Tells master keys apart: the first 8 bytes of an HMAC under the key, in hex.
    #[must_use]
    pub fn id(&self) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()) else {
            return String::new();
        };
        mac.update(b"lakegate master key");
        let mut id = hex::encode(mac.finalize().into_bytes());
        id.truncate(16);
        id
    }

    /// Seals a secret for a place, under a data key of its own.
    ///
    /// # Errors
    /// [`SealProblem::Failed`].
    pub fn seal(&self, place: &SealedPlace<'_>, secret: &[u8]) -> Result<Sealed, SealProblem> {
        let data_key = random()?;
        Ok(Sealed {
            cipher: CIPHER.to_owned(),
            master: self.id(),
            data_key: encrypt(&self.0, &place.bytes("data-key"), data_key.expose_secret())?,
            secret: encrypt(&data_key, &place.bytes("secret"), secret)?,
        })
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`SealProblem::OtherMaster`], [`SealProblem::Damaged`].
    pub fn open(&self, place: &SealedPlace<'_>, sealed: &Sealed) -> Result<SecretBox<[u8; KEY_BYTES]>, SealProblem> {
        if sealed.master != self.id() {
            return Err(SealProblem::OtherMaster {
                sealed: sealed.master.clone(),
                here: self.id(),
            });
        }
        if sealed.cipher != CIPHER {
            return Err(SealProblem::Damaged);
        }
        let data_key = decrypt(&self.0, &place.bytes("data-key"), &sealed.data_key)?;
        decrypt(&data_key, &place.bytes("secret"), &sealed.secret)
    }
}

/// Never prints the key.
impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

impl SealedPlace<'_> {
    fn bytes(&self, part: &str) -> Vec<u8> {
        let Self {
            tenant,
            kind,
            id,
            version,
        } = self;
        format!("{tenant}|{kind}|{id}|{version}|{part}").into_bytes()
    }
}

/// Fresh random bytes.
///
/// # Errors
/// [`SealProblem::Failed`].
pub fn random() -> Result<SecretBox<[u8; KEY_BYTES]>, SealProblem> {
    let mut bytes = SecretBox::new(Box::new([0; KEY_BYTES]));
    aws_lc_rs::rand::fill(secrecy::ExposeSecretMut::expose_secret_mut(&mut bytes))
        .map_err(|_| SealProblem::Failed("no randomness"))?;
    Ok(bytes)
}

fn cipher(key: &SecretBox<[u8; KEY_BYTES]>) -> Result<LessSafeKey, SealProblem> {
    let key = UnboundKey::new(&AES_256_GCM_SIV, key.expose_secret());
    key.map(LessSafeKey::new).map_err(|_| SealProblem::Failed("no cipher"))
}

fn encrypt(key: &SecretBox<[u8; KEY_BYTES]>, place: &[u8], plain: &[u8]) -> Result<String, SealProblem> {
    let mut nonce = [0; NONCE_LEN];
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| SealProblem::Failed("no randomness"))?;
    // Encrypted in place: what was plain is not plain any more.
    let mut text = plain.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut text)
        .map_err(|_| SealProblem::Failed("the cipher failed"))?;
    Ok(format!("{}{}", hex::encode(nonce), hex::encode(text)))
}

fn decrypt(
    key: &SecretBox<[u8; KEY_BYTES]>,
    place: &[u8],
    sealed: &str,
) -> Result<SecretBox<[u8; KEY_BYTES]>, SealProblem> {
    let bytes = hex::decode(sealed).map_err(|_| SealProblem::Damaged)?;
    let (nonce, text) = bytes.split_first_chunk().ok_or(SealProblem::Damaged)?;
    let mut text = SecretBox::new(Box::new(text.to_vec()));
    let opened = cipher(key)?
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(place),
            secrecy::ExposeSecretMut::expose_secret_mut(&mut text),
        )
        .map_err(|_| SealProblem::Damaged)?;
    let opened: &[u8; KEY_BYTES] = (&*opened).try_into().map_err(|_| SealProblem::Damaged)?;
    Ok(SecretBox::new(Box::new(*opened)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: SealedPlace<'_> = SealedPlace {
        tenant: "default",
        kind: "mask-key",
        id: "k",
        version: 3,
    };

    fn master(digit: &str) -> MasterKey {
        MasterKey::of_hex(&digit.repeat(64)).unwrap()
    }

    #[test]
    fn opens_in_its_own_place_under_its_own_master_only() {
        let sealed = master("a").seal(&PLACE, &[9; 32]).unwrap();
        assert_eq!(master("a").open(&PLACE, &sealed).unwrap().expose_secret(), &[9; 32]);
        for place in [
            SealedPlace {
                tenant: "other",
                ..PLACE
            },
            SealedPlace {
                kind: "password",
                ..PLACE
            },
            SealedPlace { id: "l", ..PLACE },
            SealedPlace { version: 2, ..PLACE },
        ] {
            assert_eq!(
                master("a").open(&place, &sealed).unwrap_err(),
                SealProblem::Damaged,
                "{place:?}"
            );
        }
        let other = master("b").open(&PLACE, &sealed).unwrap_err();
        assert!(matches!(other, SealProblem::OtherMaster { .. }), "{other}");
        // The note of the master key is no proof: another key does not open what claims to be its own.
        let forged = Sealed {
            master: master("b").id(),
            ..sealed
        };
        assert_eq!(master("b").open(&PLACE, &forged).unwrap_err(), SealProblem::Damaged);
    }

    #[test]
    fn nothing_that_was_changed_opens() {
        let sealed = master("a").seal(&PLACE, &[9; 32]).unwrap();
        let flip = |text: &str, at: usize| {
            let mut bytes = hex::decode(text).unwrap();
            bytes[at] ^= 1;
            hex::encode(bytes)
        };
        for at in [0, 11, 12, 59] {
            let data_key = Sealed {
                data_key: flip(&sealed.data_key, at),
                ..sealed.clone()
            };
            let secret = Sealed {
                secret: flip(&sealed.secret, at),
                ..sealed.clone()
            };
            for changed in [data_key, secret] {
                assert_eq!(master("a").open(&PLACE, &changed).unwrap_err(), SealProblem::Damaged);
            }
        }
        let swapped = Sealed {
            secret: sealed.data_key.clone(),
            data_key: sealed.secret.clone(),
            ..sealed.clone()
        };
        assert_eq!(master("a").open(&PLACE, &swapped).unwrap_err(), SealProblem::Damaged);
        let again = master("a").seal(&PLACE, &[9; 32]).unwrap();
        assert_ne!((again.data_key, again.secret), (sealed.data_key, sealed.secret));
    }

    #[test]
    fn keys_are_hex_and_never_printed() {
        assert_eq!(MasterKey::of_hex("short").unwrap_err(), SealProblem::MasterKey);
        assert_eq!(MasterKey::of_hex(&"g".repeat(64)).unwrap_err(), SealProblem::MasterKey);
        assert!(MasterKey::of_hex(&format!("{}\n", "0f".repeat(32))).is_ok());
        assert!(!format!("{:?}", master("a")).contains("aaaa"));
    }
}
