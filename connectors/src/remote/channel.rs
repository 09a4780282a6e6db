//! Over which connection does a call go? One HTTP/2 connection per remote, opened when it is needed and again when it is lost.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{
    ClientConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::{
    grpc::{CONTENT_TYPE, STREAM_WINDOW, broken, lost},
    keys::{MAC_BYTES, digest_of},
    settings::{Remote, Tls, ours},
};
use crate::{
    connection::Connection,
    error::{ConnectorError, ConnectorErrorKind, Result},
    trust::roots,
};

const CONNECT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Streams are limited one by one: a slow one must not hold up the others.
const CONNECTION_WINDOW: u32 = i32::MAX.cast_unsigned();
const MAX_HEADERS: u32 = 64 << 10;

/// The connections of this process, by connection id.
#[derive(Debug, Default)]
pub(super) struct Channels(Mutex<HashMap<String, Arc<Channel>>>);

/// A connection to a remote.
pub(super) struct Channel {
    fingerprint: [u8; MAC_BYTES],
    pub remote: Remote,
    open: tokio::sync::Mutex<Option<Open>>,
}

struct Open {
    send: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({:?})", self.remote)
    }
}

impl Channels {
    /// The channel of a connection as it is now: version, remote, keys and certificates.
    pub(super) fn of(&self, connection: &Connection) -> Result<Arc<Channel>> {
        let fingerprint = fingerprint(connection);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&connection.id)
            && known.fingerprint == fingerprint
        {
            return Ok(Arc::clone(known));
        }
        let channel = Arc::new(Channel {
            fingerprint,
            remote: Remote::of(connection)?,
            open: tokio::sync::Mutex::default(),
        });
        // Streams of an older version go on until they end: each holds what it needs.
        all.insert(connection.id.clone(), Arc::clone(&channel));
        Ok(channel)
    }
}

impl Channel {
    /// Sends a request and waits for the head of the answer. A connection that was lost while idle is opened again once.
    pub(super) async fn send(&self, path: &str, metadata: HeaderMap, body: Bytes) -> Result<Response<Incoming>> {
        for attempt in 0..2 {
            let mut send = self.sender().await?;
            let request = self.request(path, &metadata, &body)?;
            match send.send_request(request).await {
                Ok(response) if response.status() == StatusCode::OK => return Ok(response),
                Ok(_) => return Err(broken()),
                Err(error) if attempt == 0 && (error.is_canceled() || error.is_closed()) => {
                    self.open.lock().await.take_if(|open| open.send.is_closed());
                }
                Err(error) => return Err(lost().with_source(error)),
            }
        }
        Err(lost())
    }

    fn request(&self, path: &str, metadata: &HeaderMap, body: &Bytes) -> Result<Request<Full<Bytes>>> {
        let scheme = if self.remote.tls.is_some() { "https" } else { "http" };
        let uri = format!("{scheme}://{}:{}{path}", self.remote.host, self.remote.port);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .header(header::TE, "trailers")
            .body(Full::new(body.clone()))
            .map_err(|_| broken())?;
        request.headers_mut().extend(metadata.clone());
        Ok(request)
    }

    async fn sender(&self) -> Result<SendRequest<Full<Bytes>>> {
        let mut open = self.open.lock().await;
        if let Some(open) = open.as_ref().filter(|open| !open.send.is_closed()) {
            return Ok(open.send.clone());
        }
        let connecting = tokio::time::timeout(CONNECT, self.connect()).await;
        let fresh = connecting.map_err(|_| unreachable_remote())??;
        Ok(open.insert(fresh).send.clone())
    }

    async fn connect(&self) -> Result<Open> {
        let host = self.remote.host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.remote.port))
            .await
            .map_err(|error| unreachable_remote().with_source(error))?;
        stream.set_nodelay(true).map_err(|error| lost().with_source(error))?;
        let Some(tls) = &self.remote.tls else {
            return handshake(stream).await;
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| broken())?;
        let stream = TlsConnector::from(Arc::new(config(tls).await?))
            .connect(name, stream)
            .await;
        handshake(stream.map_err(|error| untrusted().with_source(error))?).await
    }
}

/// Tells one way to reach a remote from another; secrets go into it and not out of it.
fn fingerprint(connection: &Connection) -> [u8; MAC_BYTES] {
    let mut text = format!("{}\n{:?}\n", connection.version, connection.directory);
    for (name, value) in ours(connection) {
        text.push_str(&format!("{name}\n{}\n{value}\n", value.len()));
    }
    digest_of(text.as_bytes())
}

async fn handshake(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Open> {
    let (send, connection) = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADERS)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| lost().with_source(error))?;
    #[expect(clippy::disallowed_methods, reason = "ends with the channel, whose handle aborts it")]
    let driver = tokio::spawn(async move {
        // How it ended is told to each call.
        connection.await.ok();
    });
    Ok(Open {
        send,
        _driver: AbortOnDropHandle::new(driver),
    })
}

async fn config(tls: &Tls) -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| untrusted().with_source(error))?
        .with_root_certificates(roots(tls.ca.as_deref()).await?);
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes())
                .collect::<Result<_, _>>()
                .map_err(|_| identity())?;
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| identity())?;
            builder.with_client_auth_cert(chain, key).map_err(|_| identity())?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn identity() -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::InvalidRequest,
        "credential members `remote_certificate` and `remote_private_key` must be a certificate and its key in PEM",
    )
}

fn unreachable_remote() -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::Unavailable,
        "the remote connector cannot be reached",
    )
}

fn untrusted() -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::Unauthenticated,
        "the remote connector and the gateway do not trust each other's certificates",
    )
}
