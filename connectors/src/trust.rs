//! Whose certificates are believed? Those of an authority that the connection names, else those of the system.

use std::path::Path;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// Where systems keep the certificates that they trust.
const SYSTEM_BUNDLES: &[&str] = &[
    // sorted: start
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    // sorted: end
];

/// The authorities of a PEM file, or the system's.
///
/// # Errors
/// `SOURCE_INVALID_REQUEST` if there is none.
pub(crate) async fn roots(ca: Option<&Path>) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    match ca {
        Some(path) => {
            let pem = tokio::fs::read(path)
                .await
                .map_err(|error| broken("the file of option `ca` cannot be read").with_source(error))?;
            add(&mut store, &pem);
        }
        None => {
            for bundle in SYSTEM_BUNDLES {
                if let Ok(pem) = tokio::fs::read(bundle).await {
                    add(&mut store, &pem);
                    break;
                }
            }
        }
    }
    if store.is_empty() {
        return Err(broken(
            "there is no certificate authority to verify the server by: set option `ca`",
        ));
    }
    Ok(store)
}

fn add(store: &mut RootCertStore, pem: &[u8]) {
    store.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok));
}

fn broken(message: &str) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::InvalidRequest, message)
}
