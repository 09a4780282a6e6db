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
pub struct MasterKey {
    key: SecretBox<[u8; KEY_BYTES]>,
    /// The one before it, which opens what was sealed then and seals nothing.
    previous: Option<Box<MasterKey>>,
}

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
        Ok(Self { key, previous: None })
    }

    /// The same, which also opens what was sealed under the key before it.
    #[must_use]
    pub fn after(self, previous: Self) -> Self {
        Self {
            previous: Some(Box::new(previous)),
            ..self
        }
    }

    /// The key that sealed it, of those that this server has.
    fn sealer(&self, sealed: &Sealed) -> Result<&Self, SealProblem> {
        let previous = self
            .previous
            .as_deref()
            .filter(|previous| previous.id() == sealed.master);
        if sealed.master == self.id() {
            return Ok(self);
        }
        previous.ok_or_else(|| SealProblem::OtherMaster {
            sealed: sealed.master.clone(),
            here: self.id(),
        })
    }

    /// Tells master keys apart: the first 8 bytes of an HMAC under the key, in hex.
    #[must_use]
    pub fn id(&self) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.expose_secret()) else {
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
            data_key: encrypt(&self.key, &place.bytes("data-key"), data_key.expose_secret())?,
            secret: encrypt(&data_key, &place.bytes("secret"), secret)?,
        })
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`SealProblem::OtherMaster`], [`SealProblem::Damaged`].
    pub fn open(&self, place: &SealedPlace<'_>, sealed: &Sealed) -> Result<SecretBox<[u8; KEY_BYTES]>, SealProblem> {
        let data_key = self.sealer(sealed)?.data_key(place, sealed)?;
        decrypt(&data_key, &place.bytes("secret"), &sealed.secret)
    }

    fn data_key(&self, place: &SealedPlace<'_>, sealed: &Sealed) -> Result<SecretBox<[u8; KEY_BYTES]>, SealProblem> {
        if sealed.cipher != CIPHER {
            return Err(SealProblem::Damaged);
        }
        decrypt(&self.key, &place.bytes("data-key"), &sealed.data_key)
    }

    /// What was sealed under the key before this one, with its data key under this one; `None`: it is that already. The secret
    /// itself stays as it was sealed.
    ///
    /// # Errors
    /// Those of [`MasterKey::open`]: what does not open is not wrapped again. [`SealProblem::Failed`].
    pub fn rewrap(&self, place: &SealedPlace<'_>, sealed: &Sealed) -> Result<Option<Sealed>, SealProblem> {
        self.open(place, sealed)?;
        if sealed.master == self.id() {
            return Ok(None);
        }
        let data_key = self.sealer(sealed)?.data_key(place, sealed)?;
        Ok(Some(Sealed {
            master: self.id(),
            data_key: encrypt(&self.key, &place.bytes("data-key"), data_key.expose_secret())?,
            ..sealed.clone()
        }))
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
    fn a_new_master_takes_over_what_the_one_before_sealed() {
        let old = master("a").seal(&PLACE, &[9; 32]).unwrap();
        let both = master("b").after(master("a"));
        assert_eq!(both.id(), master("b").id());
        assert_eq!(both.open(&PLACE, &old).unwrap().expose_secret(), &[9; 32]);
        let new = both.rewrap(&PLACE, &old).unwrap().unwrap();
        assert_eq!(master("b").open(&PLACE, &new).unwrap().expose_secret(), &[9; 32]);
        assert!(matches!(
            master("a").open(&PLACE, &new),
            Err(SealProblem::OtherMaster { .. })
        ));
        assert_eq!((&new.secret, new.data_key == old.data_key), (&old.secret, false));
        assert_eq!(both.rewrap(&PLACE, &new).unwrap(), None);
        // What was sealed anew is the new one's; what a third key sealed is nobody's here.
        let fresh = both.seal(&PLACE, &[8; 32]).unwrap();
        assert_eq!(fresh.master, master("b").id());
        let third = master("c").seal(&PLACE, &[9; 32]).unwrap();
        assert!(matches!(
            both.rewrap(&PLACE, &third),
            Err(SealProblem::OtherMaster { .. })
        ));
        // What is damaged stays as it is.
        let moved = SealedPlace { version: 2, ..PLACE };
        assert_eq!(both.rewrap(&moved, &old).unwrap_err(), SealProblem::Damaged);
        let mut secret = hex::decode(&old.secret).unwrap();
        secret[20] ^= 1;
        let damaged = Sealed {
            secret: hex::encode(secret),
            ..old
        };
        assert_eq!(both.rewrap(&PLACE, &damaged).unwrap_err(), SealProblem::Damaged);
    }

    #[test]
    fn keys_are_hex_and_never_printed() {
        assert_eq!(MasterKey::of_hex("short").unwrap_err(), SealProblem::MasterKey);
        assert_eq!(MasterKey::of_hex(&"g".repeat(64)).unwrap_err(), SealProblem::MasterKey);
        assert!(MasterKey::of_hex(&format!("{}\n", "0f".repeat(32))).is_ok());
        assert!(!format!("{:?}", master("a")).contains("aaaa"));
    }
}
