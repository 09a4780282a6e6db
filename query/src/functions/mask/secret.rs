//! What do keyed masks and salts hold in memory? 32 bytes that are wiped at the end and never printed.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

/// Key or salt of one hash domain. Cheap to clone.
#[derive(Clone)]
pub(crate) struct MaskSecret(Arc<SecretBox<[u8; 32]>>);

impl MaskSecret {
    /// Takes the bytes over.
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(Arc::new(SecretBox::new(Box::new(bytes))))
    }

    pub(super) fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    /// A secret of its own for one domain, from which nothing follows about any other: HKDF-Expand (RFC 5869) with SHA-256,
    /// this secret as its key and `lakegate/mask/` + `domain` as its info.
    pub(crate) fn of_domain(&self, domain: &str) -> Self {
        // A key of any length is taken: the error does not occur.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.expose()) else {
            return self.clone();
        };
        mac.update(b"lakegate/mask/");
        mac.update(domain.as_bytes());
        mac.update(&[1]);
        Self::new(mac.finalize().into_bytes().into())
    }
}

/// Never prints the bytes: expressions with masks in them are printed by plans.
impl fmt::Debug for MaskSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskSecret")
    }
}

impl PartialEq for MaskSecret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for MaskSecret {}

impl Hash for MaskSecret {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_have_secrets_of_their_own_and_print_none() {
        let key = MaskSecret::new([7; 32]);
        // python3: hmac.new(b"\x07" * 32, b"lakegate/mask/column:c1\x01", "sha256").hexdigest()
        assert_eq!(
            hex::encode(key.of_domain("column:c1").expose()),
            "6b3874e5e69ffbbadca43e54854d403d2f85406f4bf6731d2303166ada389dc2"
        );
        assert_ne!(key.of_domain("column:c1"), key.of_domain("domain:c1"));
        assert_eq!(format!("{key:?}"), "MaskSecret");
    }
}
