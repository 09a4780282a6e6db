//! Who vouches for the audit trail, and does the signature hold? Ed25519 (RFC 8032).

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// Bytes of a public key.
const PUBLIC: usize = 32;
/// What stands before the key in a SubjectPublicKeyInfo of Ed25519 (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Signs checkpoints. Never printed.
pub struct SigningKey(Ed25519KeyPair);

/// Checks what a [`SigningKey`] signed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PublicKey([u8; PUBLIC]);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

impl SigningKey {
    /// The document (PKCS #8, DER) of a new key; `None` if there is no randomness.
    #[must_use]
    pub fn generate() -> Option<Vec<u8>> {
        let key = Ed25519KeyPair::generate().ok()?;
        Some(key.to_pkcs8v1().ok()?.as_ref().to_vec())
    }

    /// Reads PKCS #8 (DER), as `openssl genpkey -algorithm ed25519 -outform DER` writes it. `None` if it is not a key.
    #[must_use]
    pub fn from_pkcs8(document: &[u8]) -> Option<Self> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(document).ok().map(Self)
    }

    /// The key that checks.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; PUBLIC];
        for (to, from) in bytes.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey(bytes)
    }

    /// Signature of a text, in hex.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        hex::encode(self.0.sign(text.as_bytes()))
    }
}

impl PublicKey {
    /// Reads the 64 hex digits that [`PublicKey::text`] writes.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        hex::decode(text.trim()).ok()?.try_into().ok().map(Self)
    }

    /// Reads a SubjectPublicKeyInfo (DER), as `openssl pkey -pubout -outform DER` writes it.
    #[must_use]
    pub fn from_spki(document: &[u8]) -> Option<Self> {
        document.strip_prefix(&SPKI)?.try_into().ok().map(Self)
    }

    /// In hex.
    #[must_use]
    pub fn text(&self) -> String {
        hex::encode(self.0)
    }

    /// Short name: the first 32 hex digits of its BLAKE3 hash.
    #[must_use]
    pub fn id(&self) -> String {
        blake3::hash(&self.0).to_hex().chars().take(PUBLIC).collect()
    }

    /// Does the signature (hex) belong to the text?
    #[must_use]
    pub fn verifies(&self, text: &str, signature: &str) -> bool {
        hex::decode(signature).is_ok_and(|signature| {
            UnparsedPublicKey::new(&ED25519, &self.0)
                .verify(text.as_bytes(), &signature)
                .is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{PublicKey, SPKI, SigningKey};

    /// RFC 8032, section 7.1, test 2: one byte.
    #[test]
    fn signs_as_the_standard_says() {
        let seed = hex::decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
        let document = [&hex::decode("302e020100300506032b657004220420").unwrap()[..], &seed].concat();
        let key = SigningKey::from_pkcs8(&document).expect("a key");
        let public = key.public();
        assert_eq!(
            public.text(),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert_eq!(key.sign("r"), signature);
        assert!(public.verifies("r", signature) && !public.verifies("s", signature) && !public.verifies("r", "zz"));
        assert_eq!(PublicKey::from_text(&public.text()), Some(public));
        let spki = [&SPKI[..], &hex::decode(public.text()).unwrap()].concat();
        assert_eq!(PublicKey::from_spki(&spki), Some(public));
    }

    #[test]
    fn new_keys_differ_and_can_be_read_again() {
        let read = |document: Option<Vec<u8>>| SigningKey::from_pkcs8(&document.expect("a document")).expect("a key");
        let (one, other) = (read(SigningKey::generate()), read(SigningKey::generate()));
        assert_ne!(one.public().id(), other.public().id());
        assert!(one.public().verifies("x", &one.sign("x")) && !other.public().verifies("x", &one.sign("x")));
    }
}
