//! How do messages lie in an HTTP/2 stream? gRPC's framing, of calls with one request.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>. Not here: connections (`channel`, `host`).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use prost::Message;

use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// A larger message is refused before anything is allocated for it.
pub(super) const MAX_MESSAGE: usize = 32 << 20;
/// Of HTTP/2, for what is on its way of one read: about two batches.
pub(super) const STREAM_WINDOW: u32 = 2 << 20;
pub(super) const CONTENT_TYPE: &str = "application/grpc";

const PREFIX: usize = 5;

/// The message with its length before it.
///
/// # Errors
/// `SOURCE_LIMIT_EXCEEDED` if it is too large to be sent.
pub(super) fn framed(message: &impl Message) -> Result<Bytes> {
    let length = message.encoded_len();
    if length > MAX_MESSAGE {
        return Err(too_large());
    }
    let mut out = BytesMut::with_capacity(PREFIX + length);
    out.put_u8(0);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode(&mut out).map_err(|_| broken())?;
    Ok(out.freeze())
}

/// What stands in a body.
#[derive(Debug)]
pub(super) enum Frame {
    Message(Bytes),
    Trailers(HeaderMap),
    /// The stream ended without trailers.
    End,
}

/// Reads a body message by message.
#[derive(Debug)]
pub(super) struct Frames {
    body: Incoming,
    buffer: BytesMut,
}

impl Frames {
    pub(super) fn of(body: Incoming) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
        }
    }

    /// The next message, or how the stream ended.
    pub(super) async fn next(&mut self) -> Result<Frame> {
        loop {
            if let Some(message) = self.whole()? {
                return Ok(Frame::Message(message));
            }
            match self.body.frame().await {
                None if self.buffer.is_empty() => return Ok(Frame::End),
                None => return Err(broken()),
                Some(Err(error)) => return Err(lost().with_source(error)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.buffer.extend_from_slice(&data),
                    Err(frame) if self.buffer.is_empty() => {
                        return frame.into_trailers().map(Frame::Trailers).map_err(|_| broken());
                    }
                    Err(_) => return Err(broken()),
                },
            }
        }
    }

    /// The first message that has arrived as a whole.
    fn whole(&mut self) -> Result<Option<Bytes>> {
        let Some((prefix, rest)) = self.buffer.split_at_checked(PREFIX) else {
            return Ok(None);
        };
        let mut prefix = prefix;
        let compressed = prefix.get_u8();
        let length = usize::try_from(prefix.get_u32()).unwrap_or(usize::MAX);
        if compressed != 0 {
            return Err(broken());
        }
        if length > MAX_MESSAGE {
            return Err(too_large());
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

/// Decodes a message.
///
/// # Errors
/// `CONNECTOR_PROTOCOL`.
pub(super) fn decoded<T: Message + Default>(bytes: Bytes) -> Result<T> {
    T::decode(bytes).map_err(|error| broken().with_source(error))
}

/// Trailers of a call that succeeded.
pub(super) fn good() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers
}

pub(super) fn broken() -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::Protocol,
        "the remote connector does not keep to the protocol",
    )
}

pub(super) fn lost() -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::Unavailable, "the remote connector was lost")
}

fn too_large() -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::LimitExceeded,
        "a message between gateway and remote connector is larger than 32 MiB",
    )
}
