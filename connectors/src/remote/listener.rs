//! Where does a host listen? On a TCP address, over TLS where it has a certificate, and never open to a network.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http2::Builder, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::host::Host;
use crate::error::{ConnectorError, ConnectorErrorKind, Result};

const MAX_CONNECTIONS: usize = 1_024;
const MAX_STREAMS: u32 = 1_024;
const MAX_HEADERS: u32 = 64 << 10;
/// Of what arrives: requests are small but for key sets.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 4 << 20;
const SEND_BUFFER: usize = 256 << 10;
const HANDSHAKE: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// What runs when the host is stopped may go on for this long.
const GRACE: Duration = Duration::from_secs(10);

/// PEM texts of a host's certificate, its key, and the authority of the gateways' certificates.
#[derive(Clone, Copy)]
pub struct TlsFiles<'a> {
    pub certificate: &'a str,
    pub private_key: &'a str,
    pub client_ca: Option<&'a str>,
}

impl std::fmt::Debug for TlsFiles<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsFiles([redacted])")
    }
}

/// May a host listen here?
///
/// # Errors
/// `SOURCE_INVALID_REQUEST` where anybody on a network could use it: it needs a key, or the authority of its gateways.
pub fn check_address(address: SocketAddr, has_keys: bool, knows_clients: bool) -> Result<()> {
    if has_keys || knows_clients || address.ip().is_loopback() {
        return Ok(());
    }
    Err(ConnectorError::new(
        ConnectorErrorKind::InvalidRequest,
        format!(
            "`{address}` can be reached from other machines: give a key, or the authority of the gateways' certificates"
        ),
    ))
}

/// TLS of a host.
#[derive(Clone)]
pub struct HostTls(TlsAcceptor);

impl std::fmt::Debug for HostTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostTls([redacted])")
    }
}

/// TLS with this certificate.
///
/// # Errors
/// `SOURCE_INVALID_REQUEST` names what is no PEM.
pub fn tls(files: TlsFiles<'_>) -> Result<HostTls> {
    let provider = Arc::new(ring::default_provider());
    let chain = certificates(files.certificate).filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| no_pem("certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(files.private_key.as_bytes()).map_err(|_| no_pem("private key"))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| no_pem("certificate").with_source(error))?;
    let builder = match files.client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            let authorities = certificates(ca).ok_or_else(|| no_pem("authority of clients"))?;
            let (added, _) = roots.add_parsable_certificates(authorities);
            if added == 0 {
                return Err(no_pem("authority of clients"));
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|_| no_pem("authority of clients"))?)
        }
    };
    let config = builder.with_single_cert(chain, key);
    let mut config = config.map_err(|error| no_pem("certificate or its key").with_source(error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(HostTls(TlsAcceptor::from(Arc::new(config))))
}

fn certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<std::result::Result<_, _>>()
        .ok()
}

fn no_pem(what: &str) -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::InvalidRequest,
        format!("the {what} of the remote connector cannot be used: it must be PEM"),
    )
}

/// Serves until `stop` fires, then lets what runs end.
///
/// # Errors
/// If the address can no longer be listened on.
pub async fn serve(
    host: Arc<Host>,
    listener: TcpListener,
    tls: Option<HostTls>,
    stop: CancellationToken,
) -> io::Result<()> {
    let acceptor = tls.map(|tls| tls.0);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Too many open files, or a client that went away: others are served.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let (host, acceptor, stop) = (Arc::clone(&host), acceptor.clone(), stop.clone());
        connections.spawn(async move {
            let _place = place;
            welcome(host, stream, acceptor, stop).await;
        });
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    tokio::time::timeout(GRACE, ended).await.ok();
    Ok(())
}

async fn welcome(host: Arc<Host>, stream: TcpStream, acceptor: Option<TlsAcceptor>, stop: CancellationToken) {
    stream.set_nodelay(true).ok();
    match acceptor {
        None => converse(host, stream, stop).await,
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => converse(host, stream, stop).await,
            Ok(Err(error)) => tracing::warn!(error = %error, "a gateway was not let in"),
            Err(_) => {}
        },
    }
}

async fn converse(
    host: Arc<Host>,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    stop: CancellationToken,
) {
    let service = service_fn(move |request| {
        let host = Arc::clone(&host);
        async move { Ok::<_, Infallible>(host.respond(request).await) }
    });
    let mut connection = std::pin::pin!(
        Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADERS)
            .max_send_buf_size(SEND_BUFFER)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .serve_connection(TokioIo::new(stream), service)
    );
    // A lost connection ends its calls; there is nobody to tell.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await.ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_listens_to_a_network_without_a_key() {
        for (address, has_keys, knows_clients, fine) in [
            ("127.0.0.1:1", false, false, true),
            ("[::1]:1", false, false, true),
            ("0.0.0.0:1", false, false, false),
            ("[::]:1", false, false, false),
            ("10.0.0.1:1", false, false, false),
            ("10.0.0.1:1", true, false, true),
            ("10.0.0.1:1", false, true, true),
        ] {
            let address = address.parse().expect("address");
            assert_eq!(
                check_address(address, has_keys, knows_clients).is_ok(),
                fine,
                "{address}"
            );
        }
    }
}
