//! Who answers a gateway? A host: one connector of this process, whose calls come in signed and whose handles go out signed.
//!
//! It keeps nothing between calls but the means to end those that run. Scans are planned again where they are read, from the very
//! bytes that the handle is bound to: nobody can drop a guard from a scan that was planned with it.

use std::{
    collections::BTreeMap,
    fmt,
    io::{Read as _, Write as _},
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use futures::FutureExt;
use http::Request;
use hyper::body::Incoming;
use serde_json::Value;

use super::{
    answer::{Reply, failed, result, rows},
    call::{Asked, asked},
    flight::{Action, DO_ACTION, DO_GET, Ticket},
    grpc::{Frame, Frames, broken, decoded},
    keys::{Keys, MAC_BYTES, digest_of},
    message::{self, Cancel, Describe, Described, Done, Plan, Read, Release, Scan, Splits, SplitsFound},
    running::Running,
    sealed::{self, Stage, invalid},
    settings::REMOTE,
    wire::{
        describe::{name, name_message, table_message},
        plan::{plan_message, split_message},
        predicate::predicate,
        scan::scan,
    },
};
use crate::{
    call::{CallContext, InvocationId},
    connection::Connection,
    connector::{Connector, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    credential::Credential,
    error::{ConnectorError, ConnectorErrorKind, Result},
    scan::{DynamicSlotId, ScanSpec},
    split::{HandleCodec, Page, PageToken, ReadRequest, SplitsRequest},
};

/// A request must have arrived within this.
const ARRIVAL: Duration = Duration::from_secs(30);
/// A table's handle has no more bytes than this once it is unpacked.
const MAX_TABLE: u64 = 16 << 20;
const MAX_BATCH_ROWS: u64 = 1 << 20;
const MAX_PARALLELISM: u32 = 1_024;

/// What the operator of a host decides.
#[derive(Debug, Default)]
pub struct HostSettings {
    /// Shared with gateways and replicas. Without any, who may connect is a matter of certificates or of this machine.
    pub keys: Option<Keys>,
    /// Directories below which local paths must lie; none: no local path at all.
    pub local_roots: Vec<PathBuf>,
    /// Directory that relative paths belong to.
    pub directory: Option<PathBuf>,
    /// The source that the host itself names: then gateways send neither options nor credential.
    pub options: BTreeMap<String, Value>,
    /// For that source.
    pub credential: Credential,
}

/// A connector and who may use it.
pub struct Host {
    connector: Arc<dyn Connector>,
    settings: HostSettings,
    /// Of handles, where no keys are shared.
    own: Keys,
    running: Running,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.connector.spec().kind)
    }
}

impl Host {
    /// A host of this connector.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` if its handles cannot travel.
    pub fn new(connector: Arc<dyn Connector>, settings: HostSettings) -> Result<Self> {
        if connector.handles().is_none() {
            let kind = connector.spec().kind;
            return Err(ConnectorError::unsupported(format!(
                "connector `{kind}` does not run remotely"
            )));
        }
        Ok(Self {
            connector,
            settings,
            own: Keys::fresh()?,
            running: Running::default(),
        })
    }

    fn keys(&self) -> &Keys {
        self.settings.keys.as_ref().unwrap_or(&self.own)
    }

    fn codec(&self) -> Result<&dyn HandleCodec> {
        self.connector.handles().ok_or_else(broken)
    }

    /// Answers one request, whatever it is.
    pub(super) async fn respond(&self, request: Request<Incoming>) -> Reply {
        let answered = AssertUnwindSafe(self.answer(request)).catch_unwind().await;
        let outcome = answered.unwrap_or_else(|_| {
            Err(ConnectorError::new(
                ConnectorErrorKind::Internal,
                "the remote connector failed",
            ))
        });
        outcome.unwrap_or_else(|error| {
            tracing::warn!(error = ?error, "a call of a gateway failed");
            failed(&error)
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Reply> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        // Before the body is read: nobody fills our memory without a token.
        let asked = asked(self.settings.keys.as_ref(), &head.headers, path)?;
        let mut frames = Frames::of(body);
        let arrival = tokio::time::timeout(asked.timeout.min(ARRIVAL), frames.next()).await;
        let Frame::Message(message) = arrival.map_err(|_| broken())?? else {
            return Err(broken());
        };
        asked.check_body(&message)?;
        match path {
            DO_GET => self.get(asked, decoded(decoded::<Ticket>(message)?.ticket)?).await,
            DO_ACTION => self.act(asked, decoded(message)?).await,
            _ => Err(ConnectorError::unsupported(
                "a remote connector knows `DoAction` and `DoGet` only",
            )),
        }
    }

    async fn act(&self, asked: Asked, action: Action) -> Result<Reply> {
        match action.r#type.as_str() {
            "lakegate.describe" => {
                let message: Describe = decoded(action.body)?;
                let cx = self.context(asked, message.connection.clone())?;
                result(&self.describe(&cx, message).await?)
            }
            "lakegate.plan" => {
                let message: Plan = decoded(action.body)?;
                let cx = self.context(asked, message.connection)?;
                let (planned, _) = self.plan(&cx, &message.scan, sealed::open).await?;
                let handle = sealed::seal(self.keys(), &cx, Stage::Scan, &digest_of(&message.scan))?;
                result(&plan_message(&planned, handle))
            }
            "lakegate.splits" => {
                let message: Splits = decoded(action.body)?;
                let cx = self.context(asked, message.connection.clone())?;
                result(&self.splits(&cx, message).await?)
            }
            "lakegate.cancel" => {
                let message: Cancel = decoded(action.body)?;
                let cx = self.context(asked, message.connection)?;
                let invocation = message.invocation.parse().map_err(|_| broken())?;
                self.running.cancel(&cx, InvocationId(invocation));
                result(&Done {})
            }
            "lakegate.release" => {
                let message: Release = decoded(action.body)?;
                let cx = self.context(asked, message.connection)?;
                let payload = sealed::open(self.keys(), &cx, Stage::Split, &message.handle)?;
                let (_, own) = payload.split_at_checked(MAC_BYTES).ok_or_else(invalid)?;
                self.codec()?.release(own)?;
                result(&Done {})
            }
            _ => Err(ConnectorError::unsupported(
                "an action that a remote connector does not know",
            )),
        }
    }

    /// The context of a call: the source that it may reach, with the credential that it may use.
    fn context(&self, asked: Asked, message: Option<message::Connection>) -> Result<CallContext> {
        let message = message.ok_or_else(broken)?;
        let kind = self.connector.spec().kind;
        if message.kind != kind {
            return Err(ConnectorError::unsupported(format!(
                "this remote serves connector `{kind}`"
            )));
        }
        let given: BTreeMap<String, Value> = serde_json::from_str(&message.options_json).map_err(|_| broken())?;
        if given.contains_key(REMOTE) {
            return Err(ConnectorError::unsupported(
                "a remote connector does not call another one",
            ));
        }
        let sent = asked.credential(self.settings.keys.as_ref())?;
        let (options, credential) = self.source(given, sent)?;
        let members: Vec<&str> = credential.members().collect();
        if let Some(problem) = self.connector.check_options(&options, &members).first() {
            return Err(ConnectorError::new(
                ConnectorErrorKind::InvalidRequest,
                problem.to_string(),
            ));
        }
        Ok(asked.context(Connection {
            id: message.id,
            version: message.version,
            kind: message.kind,
            options,
            credential,
            directory: self.settings.directory.clone(),
            local_roots: self.settings.local_roots.clone(),
        }))
    }

    /// INVARIANT: a credential of the host's own goes nowhere but to the source that the host names.
    fn source(
        &self,
        given: BTreeMap<String, Value>,
        sent: Option<Credential>,
    ) -> Result<(BTreeMap<String, Value>, Credential)> {
        if self.settings.credential.is_empty() && self.settings.options.is_empty() {
            return Ok((given, sent.unwrap_or_default()));
        }
        let same = given
            .iter()
            .all(|(name, value)| self.settings.options.get(name) == Some(value));
        if !same || sent.is_some() {
            return Err(ConnectorError::new(
                ConnectorErrorKind::AccessDenied,
                "the remote connector names its own source: leave its options and credential out of the connection",
            ));
        }
        Ok((self.settings.options.clone(), self.settings.credential.clone()))
    }

    async fn describe(&self, cx: &CallContext, message: Describe) -> Result<Described> {
        let page = Page {
            token: message.token.map(PageToken),
            size: message.size.and_then(|size| usize::try_from(size).ok()),
        };
        let named = message.name.map(name);
        let request = match message.what.as_str() {
            "ping" => DescribeRequest::Ping,
            "databases" => DescribeRequest::Databases(page),
            "tables" => DescribeRequest::Tables {
                database: named.ok_or_else(broken)?,
                page,
            },
            "table" => DescribeRequest::Table(named.ok_or_else(broken)?),
            "query" => DescribeRequest::Query(message.query.ok_or_else(broken)?),
            _ => return Err(broken()),
        };
        let mut answer = Described::default();
        match self.connector.describe(cx, request).await? {
            DescribeResponse::Pong => {}
            DescribeResponse::Names { names, next } => {
                answer.names = names.iter().map(name_message).collect();
                answer.next = next.map(|token| token.0);
            }
            DescribeResponse::Table(table) => {
                let payload = packed(&self.codec()?.encode_table(&table.handle)?)?;
                let handle = sealed::seal(self.keys(), cx, Stage::Table, &payload)?;
                answer.table = Some(table_message(&table, handle));
            }
            DescribeResponse::Sample(_) => return Err(broken()),
        }
        Ok(answer)
    }

    /// Plans the scan of these bytes; `open` opens the handle of its table.
    async fn plan(&self, cx: &CallContext, bytes: &Bytes, open: Open) -> Result<(PlanResponse, ScanSpec)> {
        let message: Scan = decoded(bytes.clone())?;
        let codec = self.codec()?;
        let table = |handle: &Bytes| {
            let payload = open(self.keys(), cx, Stage::Table, handle)?;
            codec.decode_table(&unpacked(&payload)?)
        };
        let spec = scan(message, self.connector.spec().capabilities.functions, table)?;
        let request = PlanRequest { scan: spec.clone() };
        Ok((self.connector.plan(cx, request).await?, spec))
    }

    async fn splits(&self, cx: &CallContext, message: Splits) -> Result<SplitsFound> {
        let bound = sealed::open(self.keys(), cx, Stage::Scan, &message.handle)?;
        let digest = digest_of(&message.scan);
        if bound != digest[..] {
            return Err(invalid());
        }
        let (planned, _) = self.plan(cx, &message.scan, sealed::open_bound).await?;
        let request = SplitsRequest {
            scan: planned.handle,
            parallelism: usize::try_from(message.parallelism.clamp(1, MAX_PARALLELISM)).unwrap_or(1),
            token: message.token.map(PageToken),
        };
        let page = self.connector.splits(cx, request).await?;
        let splits = page.splits.iter().map(|split| {
            let own = self.codec()?.encode_split(&split.handle)?;
            let payload = [digest.as_slice(), &own].concat();
            let handle = sealed::seal(self.keys(), cx, Stage::Split, &payload)?;
            Ok(split_message(split, handle))
        });
        Ok(SplitsFound {
            splits: splits.collect::<Result<_>>()?,
            next: page.next.map(|token| token.0),
        })
    }

    async fn get(&self, asked: Asked, message: Read) -> Result<Reply> {
        let cx = self.context(asked, message.connection.clone())?;
        let held = self.running.hold(&cx);
        let stream = match message.sample {
            Some(table) => {
                let request = DescribeRequest::Sample {
                    table: name(table),
                    rows: message.row_hint.and_then(|rows| u32::try_from(rows).ok()).unwrap_or(1),
                };
                match self.connector.describe(&cx, request).await? {
                    DescribeResponse::Sample(stream) => stream,
                    _ => return Err(broken()),
                }
            }
            None => {
                let request = self.read(&cx, message).await?;
                self.connector.read(&cx, request).await?
            }
        };
        rows(&cx, stream, held)
    }

    async fn read(&self, cx: &CallContext, message: Read) -> Result<ReadRequest> {
        let payload = sealed::open(self.keys(), cx, Stage::Split, &message.handle)?;
        let (digest, own) = payload.split_at_checked(MAC_BYTES).ok_or_else(invalid)?;
        if digest != digest_of(&message.scan) {
            return Err(invalid());
        }
        let (planned, _) = self.plan(cx, &message.scan, sealed::open_bound).await?;
        let functions = self.connector.spec().capabilities.functions;
        let dynamic = message.dynamic.into_iter().map(|late| {
            let late_predicate = predicate(late.predicate.ok_or_else(broken)?, functions)?;
            Ok((DynamicSlotId(late.slot), late_predicate))
        });
        Ok(ReadRequest {
            split: self.codec()?.decode_split(own, &planned.handle)?,
            batch_rows: usize::try_from(message.batch_rows.clamp(1, MAX_BATCH_ROWS)).unwrap_or(1),
            dynamic: dynamic.collect::<Result<_>>()?,
            row_hint: message.row_hint,
        })
    }
}

type Open = fn(&Keys, &CallContext, Stage, &Bytes) -> Result<Bytes>;

fn packed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_err(|error| broken().with_source(error))
}

fn unpacked(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let read = DeflateDecoder::new(bytes).take(MAX_TABLE).read_to_end(&mut out);
    read.map_err(|_| invalid())?;
    Ok(out)
}
