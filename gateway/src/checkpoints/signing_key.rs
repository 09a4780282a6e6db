//! Where is the key that signs the audit trail? At a reference of the configuration, else in the data directory.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use lakegate_catalog::audit::signature::{PublicKey, SigningKey};
use lakegate_query::connection::SecretSource;

use crate::{config::Config, master_key::KeyPlace};

/// In the data directory.
const FILE: &str = "audit.key";

/// The file of the key where none is configured.
#[must_use]
pub fn default_file(config: &Config) -> PathBuf {
    config.data.join(FILE)
}

/// Where the key lies, or would lie.
#[must_use]
pub fn place(config: &Config) -> KeyPlace {
    KeyPlace::of(config.audit.signing_key.as_deref(), default_file(config))
}

/// The key; made in the data directory if none is configured and there is none.
///
/// # Errors
/// What is wrong with it. Never holds any of it.
pub fn load(config: &Config, secrets: &dyn SecretSource) -> Result<SigningKey, String> {
    match &config.audit.signing_key {
        Some(reference) => resolve(reference, secrets),
        None => {
            let file = default_file(config);
            let at = |error: io::Error| format!("the audit key `{}` cannot be used: {error}", file.display());
            if !file.exists() {
                create(&file).map_err(at)?;
            }
            let text = fs::read_to_string(&file).map_err(at)?;
            parse(&text).ok_or_else(|| format!("`{}` holds no Ed25519 key (PKCS #8, PEM)", file.display()))
        }
    }
}

/// The key behind a reference of the operator: `file://` is not bound to the folders of API callers.
///
/// # Errors
/// As [`load`].
pub fn resolve(reference: &str, secrets: &dyn SecretSource) -> Result<SigningKey, String> {
    let text = secrets.resolve(reference, Some(Path::new("/")))?;
    parse(&text).ok_or_else(|| format!("`{reference}` holds no Ed25519 key (PKCS #8, PEM)"))
}

/// Writes a new key, for us alone; never over another file.
///
/// # Errors
/// If it exists or cannot be written.
pub fn create(file: &Path) -> io::Result<()> {
    let document = SigningKey::generate().ok_or_else(|| io::Error::other("there is no randomness"))?;
    let mut options = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
    let mut open = options.open(file)?;
    let text = STANDARD.encode(document);
    write!(open, "-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")?;
    open.sync_all()
}

fn parse(text: &str) -> Option<SigningKey> {
    SigningKey::from_pkcs8(&pem(text)?)
}

/// A public key: PEM, or the 64 hex digits that `lakegate audit keys` prints.
#[must_use]
pub fn parse_public(text: &str) -> Option<PublicKey> {
    PublicKey::from_text(text).or_else(|| PublicKey::from_spki(&pem(text)?))
}

fn pem(text: &str) -> Option<Vec<u8>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_us_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        create(&file).unwrap();
        assert!(create(&file).is_err());
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let key = parse(&fs::read_to_string(&file).unwrap()).expect("a key");
        assert_eq!(parse_public(&key.public().text()), Some(key.public()));
    }

    /// As `openssl pkey -pubout` writes the public key of RFC 8032, section 7.1, test 2.
    #[test]
    fn public_keys_of_openssl_are_read() {
        let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n-----END PUBLIC KEY-----\n";
        let read = parse_public(public).expect("a key");
        assert_eq!(
            read.text(),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
    }
}
