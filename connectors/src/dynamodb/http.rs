//! How does one request travel? Over HTTP/1.1 connections that are kept open; an answer is whole, or an error.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::{
    error::{garbled, lost, untrusted},
    settings::{Endpoint, Settings},
};
use crate::{error::Result, trust::roots};

const CONNECT: Duration = Duration::from_secs(10);
/// Connections that wait for work, at most.
const IDLE: usize = 32;
/// A page holds 1 MB of data and a batch 16 MB, and JSON writes a byte in at most six.
const MAX_ANSWER: usize = 128 << 20;
/// Of the body as it was sent: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html>.
const CHECKSUM: &str = "x-amz-crc32";

/// The connections to one endpoint.
pub(super) struct Connections {
    endpoint: Endpoint,
    tls: Option<Arc<ClientConfig>>,
    idle: Mutex<Vec<Open>>,
}

struct Open {
    send: SendRequest<Full<Bytes>>,
    /// Dropping it closes the connection, and with it what the server sends.
    _driver: AbortOnDropHandle<()>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connections({})", self.endpoint.uri())
    }
}

impl Connections {
    /// To the endpoint of a connection; reads the certificate authorities.
    pub(super) async fn to(settings: &Settings) -> Result<Self> {
        let tls = if settings.endpoint.tls {
            let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(untrusted)?
                .with_root_certificates(roots(settings.ca.as_deref()).await?)
                .with_no_client_auth();
            Some(Arc::new(config))
        } else {
            None
        };
        Ok(Self {
            endpoint: settings.endpoint.clone(),
            tls,
            idle: Mutex::default(),
        })
    }

    /// Sends a request and reads its answer. `counted` is told of every byte of it as it comes. Dropping the future closes
    /// the connection.
    pub(super) async fn exchange(
        &self,
        request: &Request<Bytes>,
        counted: impl Fn(u64),
    ) -> Result<(StatusCode, Bytes)> {
        loop {
            let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let reused = kept.is_some();
            let mut open = match kept {
                Some(open) => open,
                None => self.connect().await?,
            };
            let sent = match open.send.ready().await {
                Ok(()) => open.send.send_request(copy(request)).await,
                Err(error) => Err(error),
            };
            match sent {
                Ok(answer) => {
                    let (head, body) = whole(answer, &counted).await?;
                    self.keep(open);
                    return Ok((head, body));
                }
                // The server closed it while it was idle: nothing was answered, and every request may be made again.
                Err(_) if reused => {}
                Err(error) => return Err(lost(error)),
            }
        }
    }

    fn keep(&self, open: Open) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE && !open.send.is_closed() {
            idle.push(open);
        }
    }

    async fn connect(&self) -> Result<Open> {
        let connecting = async {
            let host = self.endpoint.host.trim_matches(['[', ']']);
            let stream = TcpStream::connect((host, self.endpoint.port)).await.map_err(lost)?;
            stream.set_nodelay(true).map_err(lost)?;
            let Some(tls) = &self.tls else {
                return handshake(stream).await;
            };
            let name = ServerName::try_from(host.to_owned()).map_err(untrusted)?;
            let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
            handshake(stream.map_err(certificate)?).await
        };
        match tokio::time::timeout(CONNECT, connecting).await {
            Ok(open) => open,
            Err(late) => Err(lost(late)),
        }
    }
}

/// A handshake that fails at a certificate fails again.
fn certificate(error: std::io::Error) -> crate::error::ConnectorError {
    let refused = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>())
        .is_some_and(|cause| matches!(cause, rustls::Error::InvalidCertificate(_)));
    if refused { untrusted(error) } else { lost(error) }
}

fn copy(request: &Request<Bytes>) -> Request<Full<Bytes>> {
    let mut copy = Request::new(Full::new(request.body().clone()));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = "/".parse().unwrap_or_default();
    copy.headers_mut().clone_from(request.headers());
    copy
}

async fn handshake(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Open> {
    let (send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(lost)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "ends with the connection, whose handle aborts it"
    )]
    let driver = tokio::spawn(async move {
        // How it ended is told to each request.
        connection.await.ok();
    });
    Ok(Open {
        send,
        _driver: AbortOnDropHandle::new(driver),
    })
}

/// Status and body of an answer. A body that was cut or changed on the way is an error.
async fn whole(answer: Response<Incoming>, counted: &impl Fn(u64)) -> Result<(StatusCode, Bytes)> {
    let (head, mut body) = answer.into_parts();
    let expected = checksum(&head.headers)?;
    let announced = usize::try_from(hyper::body::Body::size_hint(&body).lower()).unwrap_or(0);
    let mut bytes = Vec::with_capacity(announced.min(2 << 20));
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(lost)?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > MAX_ANSWER {
            return Err(garbled("the answer is too long"));
        }
        counted(u64::try_from(data.len()).unwrap_or(0));
        bytes.extend_from_slice(&data);
    }
    if let Some(expected) = expected {
        let mut found = flate2::Crc::new();
        found.update(&bytes);
        if found.sum() != expected {
            return Err(garbled("the checksum of the answer is another"));
        }
    }
    Ok((head.status, bytes.into()))
}

fn checksum(headers: &HeaderMap) -> Result<Option<u32>> {
    let Some(given) = headers.get(CHECKSUM) else {
        return Ok(None);
    };
    let number = given.to_str().ok().and_then(|text| text.parse().ok());
    number
        .map(Some)
        .ok_or_else(|| garbled("the checksum of the answer is none"))
}
