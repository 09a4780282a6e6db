//! How does a connector that runs elsewhere look from here? As any other one.

use std::{collections::BTreeMap, fmt, sync::Arc};

use arrow::datatypes::{Schema, SchemaRef};
use bytes::Bytes;
use prost::Message;
use serde_json::Value;

use super::{
    channel::Channels,
    flight::{Action, ActionResult, DO_ACTION},
    grpc::{Frame, Frames, broken, decoded, framed, lost},
    message::{self, Cancel, Describe, Described, Done, Plan, Planned, Read, Release, Splits, SplitsFound},
    rows::{PREFIX, RemoteRead},
    settings::of_source,
    wire::{
        describe::{name, name_message, table},
        failure,
        plan::{plan, split},
        predicate::predicate_message,
        scan::scan_message,
    },
};
use crate::{
    call::{CallContext, InvocationId},
    connector::{ConnectorSpec, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    credential::Credential,
    error::{ConnectorErrorKind, Result},
    split::{Handle, Page, PageToken, ReadRequest, ReadStream, SplitsPage, SplitsRequest},
    table_spec::RemoteName,
};

/// The connections to remotes of this process.
#[derive(Debug, Default)]
pub(super) struct RemoteConnector {
    channels: Channels,
}

/// What stands behind a handle that came from a remote.
#[derive(Clone)]
pub(crate) struct Travelling {
    /// As the remote signed it.
    pub sealed: Bytes,
    /// The scan that it is bound to; empty for tables.
    pub scan: Bytes,
    /// Of the scan's batches.
    pub schema: SchemaRef,
}

impl fmt::Debug for Travelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Travelling")
    }
}

/// The connection and credential of a call, as they travel.
fn origin(cx: &CallContext) -> Result<(Option<message::Connection>, Credential)> {
    let (options, credential) = of_source(&cx.connection);
    let connection = message::Connection {
        id: cx.connection.id.clone(),
        version: cx.connection.version,
        kind: cx.connection.kind.clone(),
        options_json: json(&options)?,
    };
    Ok((Some(connection), credential))
}

fn json(options: &BTreeMap<String, Value>) -> Result<String> {
    serde_json::to_string(options).map_err(|_| broken())
}

impl RemoteConnector {
    /// One action: its message out, its answer back.
    async fn act<T: Message + Default>(
        &self,
        cx: &CallContext,
        verb: &str,
        credential: &Credential,
        message: &impl Message,
    ) -> Result<T> {
        let channel = self.channels.of(&cx.connection)?;
        let action = Action {
            r#type: format!("lakegate.{verb}"),
            body: message.encode_to_vec().into(),
        };
        let body = framed(&action)?;
        cx.counters.add_request();
        cx.bounded(async {
            let keys = channel.remote.keys.as_ref();
            let metadata = super::call::metadata(keys, cx, credential, DO_ACTION, &body.slice(PREFIX..))?;
            let response = channel.send(DO_ACTION, metadata, body).await?;
            let (head, body) = response.into_parts();
            if head.headers.contains_key("grpc-status") {
                failure::outcome(&head.headers).map_err(|(error, _)| error)?;
                return Err(broken());
            }
            let mut frames = Frames::of(body);
            let answer = match frames.next().await? {
                Frame::Message(message) => message,
                Frame::Trailers(trailers) => {
                    failure::outcome(&trailers).map_err(|(error, _)| error)?;
                    return Err(broken());
                }
                Frame::End => return Err(lost()),
            };
            match frames.next().await? {
                Frame::Trailers(trailers) => failure::outcome(&trailers).map_err(|(error, _)| error)?,
                Frame::Message(_) => return Err(broken()),
                Frame::End => return Err(lost()),
            }
            decoded(decoded::<ActionResult>(answer)?.body)
        })
        .await
    }

    pub(super) async fn describe(
        &self,
        cx: &CallContext,
        spec: &ConnectorSpec,
        request: DescribeRequest,
    ) -> Result<DescribeResponse> {
        let (connection, credential) = origin(cx)?;
        let mut message = Describe {
            connection,
            ..Describe::default()
        };
        let what = match request {
            DescribeRequest::Ping => "ping",
            DescribeRequest::Databases(page) => {
                ask_page(&mut message, page);
                "databases"
            }
            DescribeRequest::Tables { database, page } => {
                ask_page(&mut message, page);
                message.name = Some(name_message(&database));
                "tables"
            }
            DescribeRequest::Table(name) => {
                message.name = Some(name_message(&name));
                "table"
            }
            DescribeRequest::Query(text) => {
                message.query = Some(text);
                "query"
            }
            DescribeRequest::Sample { table, rows } => return self.sample(cx, &table, rows).await,
        };
        message.what = what.to_owned();
        let answer: Described = self.act(cx, "describe", &credential, &message).await?;
        match what {
            "ping" => Ok(DescribeResponse::Pong),
            "table" | "query" => {
                let described = table(answer.table.ok_or_else(broken)?, &spec.capabilities, of_table)?;
                Ok(DescribeResponse::Table(Box::new(described)))
            }
            _ => Ok(DescribeResponse::Names {
                names: answer.names.into_iter().map(name).collect(),
                next: answer.next.map(PageToken),
            }),
        }
    }

    async fn sample(&self, cx: &CallContext, table: &RemoteName, rows: u32) -> Result<DescribeResponse> {
        let (connection, credential) = origin(cx)?;
        let batch_rows = usize::try_from(rows).unwrap_or(usize::MAX).clamp(1, 1_024);
        let read = RemoteRead {
            channel: self.channels.of(&cx.connection)?,
            credential,
            ticket: Read {
                connection,
                sample: Some(name_message(table)),
                row_hint: Some(u64::from(rows)),
                ..Read::default()
            },
            batch_rows,
        };
        read.stream_of_any(cx).await.map(DescribeResponse::Sample)
    }

    pub(super) async fn plan(&self, cx: &CallContext, request: &PlanRequest) -> Result<PlanResponse> {
        let (conjuncts, slots) = (request.scan.filter.len(), request.scan.dynamic.len());
        let (connection, credential) = origin(cx)?;
        let message = scan_message(&request.scan, |table| Ok(table.get::<Travelling>()?.sealed.clone()))?;
        let scan = Bytes::from(message.encode_to_vec());
        let message = Plan {
            connection,
            scan: scan.clone(),
        };
        let answer: Planned = self.act(cx, "plan", &credential, &message).await?;
        let handle = |sealed, schema: &SchemaRef| {
            Handle::new(Travelling {
                sealed,
                scan,
                schema: Arc::clone(schema),
            })
        };
        let planned = plan(answer, handle)?;
        if planned.filter.len() != conjuncts || planned.dynamic.len() != slots {
            return Err(broken());
        }
        Ok(planned)
    }

    pub(super) async fn splits(
        &self,
        cx: &CallContext,
        spec: &ConnectorSpec,
        request: SplitsRequest,
    ) -> Result<SplitsPage> {
        let planned = request.scan.get::<Travelling>()?;
        let (connection, credential) = origin(cx)?;
        let message = Splits {
            connection,
            handle: planned.sealed.clone(),
            scan: planned.scan.clone(),
            parallelism: u32::try_from(request.parallelism).unwrap_or(u32::MAX),
            token: request.token.map(|token| token.0),
        };
        let answer: SplitsFound = self.act(cx, "splits", &credential, &message).await?;
        let found = answer.splits.into_iter().map(|one| {
            split(one, spec.system, |sealed| {
                Handle::new(Travelling {
                    sealed,
                    ..planned.clone()
                })
            })
        });
        Ok(SplitsPage {
            splits: found.collect::<Result<_>>()?,
            next: answer.next.map(PageToken),
        })
    }

    pub(super) fn read(&self, cx: &CallContext, request: &ReadRequest) -> Result<ReadStream> {
        let split = request.split.get::<Travelling>()?;
        let (connection, credential) = origin(cx)?;
        let late = request.dynamic.iter().map(|(slot, predicate)| {
            Ok(message::Late {
                slot: slot.0,
                predicate: Some(predicate_message(predicate)?),
            })
        });
        let batch_rows = request.batch_rows.max(1);
        let read = RemoteRead {
            channel: self.channels.of(&cx.connection)?,
            credential,
            ticket: Read {
                connection,
                handle: split.sealed.clone(),
                scan: split.scan.clone(),
                batch_rows: u64::try_from(batch_rows).unwrap_or(u64::MAX),
                dynamic: late.collect::<Result<_>>()?,
                row_hint: request.row_hint,
                sample: None,
            },
            batch_rows,
        };
        Ok(read.stream(cx, Arc::clone(&split.schema)))
    }

    pub(super) async fn release(&self, cx: &CallContext, split: &Handle) -> Result<()> {
        let (connection, credential) = origin(cx)?;
        let message = Release {
            connection,
            handle: split.get::<Travelling>()?.sealed.clone(),
        };
        let _: Done = self.act(cx, "release", &credential, &message).await?;
        Ok(())
    }

    pub(super) async fn cancel(&self, cx: &CallContext, invocation: InvocationId) -> Result<()> {
        let (connection, credential) = origin(cx)?;
        let message = Cancel {
            connection,
            invocation: invocation.0.to_string(),
        };
        let told: Result<Done> = self.act(cx, "cancel", &credential, &message).await;
        match told {
            // It is advisory: what cannot be reached cannot be told.
            Err(error) if error.kind() != ConnectorErrorKind::Unavailable => Err(error),
            _ => Ok(()),
        }
    }
}

fn ask_page(message: &mut Describe, page: Page) {
    message.token = page.token.map(|token| token.0);
    message.size = page.size.and_then(|size| u64::try_from(size).ok());
}

fn of_table(sealed: Bytes) -> Handle {
    Handle::new(Travelling {
        sealed,
        scan: Bytes::new(),
        schema: Arc::new(Schema::empty()),
    })
}
