//! What do files answer to the five verbs? Only `Ping` is asked of them: the catalog declares tables, and the engine scans
//! them through `files::scan`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::StreamExt;
use object_store::ObjectStore;
use serde_json::Value;

use super::{
    failure::store_error,
    location::{open_store, resolve_location, store_path},
};
use crate::{
    call::{CallContext, InvocationId},
    capability::Capabilities,
    connector::{CONTRACT, Connector, ConnectorSpec, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    error::{ConnectorError, Result},
    option::{MemberSpec, OptionPlace, OptionProblem, OptionProblemKind, OptionSpec, OptionType},
    split::{ReadRequest, ReadStream, SplitsPage, SplitsRequest},
};

/// The connector `files`.
#[derive(Debug)]
pub struct FilesConnector {
    spec: ConnectorSpec,
}

const OPTIONS: &[OptionSpec] = &[
    // sorted: start
    OptionSpec {
        name: "endpoint",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "path_style",
        value: OptionType::Boolean,
        required: false,
    },
    OptionSpec {
        name: "region",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "root",
        value: OptionType::Text,
        required: true,
    },
    // sorted: end
];

const CREDENTIAL: &[MemberSpec] = &[
    // sorted: start
    MemberSpec {
        name: "access_key_id",
        required: false,
    },
    MemberSpec {
        name: "secret_access_key",
        required: false,
    },
    MemberSpec {
        name: "session_token",
        required: false,
    },
    // sorted: end
];

impl FilesConnector {
    /// The connector.
    #[must_use]
    pub fn new() -> Self {
        let spec = ConnectorSpec {
            kind: "files",
            system: "files",
            contract: CONTRACT,
            options: OPTIONS,
            credential: CREDENTIAL,
            capabilities: Capabilities::projection_only(),
            max_concurrency: 64,
            discovers: false,
        };
        Self { spec }
    }
}

impl Default for FilesConnector {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Connector for FilesConnector {
    fn spec(&self) -> &ConnectorSpec {
        &self.spec
    }

    fn check_options(&self, options: &BTreeMap<String, Value>, credential: &[&str]) -> Vec<OptionProblem> {
        let mut problems = self.spec.check_options(options, credential);
        let Some(root) = options.get("root").and_then(Value::as_str) else {
            return problems;
        };
        let s3 = root.starts_with("s3://");
        if !s3 && root.contains("://") && !root.starts_with("file://") {
            let kind = OptionProblemKind::NotSupported {
                what: format!("root `{root}`"),
            };
            problems.push(OptionProblem {
                place: OptionPlace::Option,
                name: "root".to_owned(),
                kind,
            });
        }
        let mut only_s3 = |place, name: &str| {
            let kind = OptionProblemKind::Invalid {
                why: "only for a root `s3://…`".to_owned(),
            };
            problems.push(OptionProblem {
                place,
                name: name.to_owned(),
                kind,
            });
        };
        if !s3 {
            OPTIONS
                .iter()
                .filter(|spec| spec.name != "root" && options.contains_key(spec.name))
                .for_each(|spec| only_s3(OptionPlace::Option, spec.name));
            credential
                .iter()
                .for_each(|name| only_s3(OptionPlace::Credential, name));
        }
        if credential.contains(&"access_key_id") != credential.contains(&"secret_access_key") {
            let name = if credential.contains(&"access_key_id") {
                "secret_access_key"
            } else {
                "access_key_id"
            };
            problems.push(OptionProblem {
                place: OptionPlace::Credential,
                name: name.to_owned(),
                kind: OptionProblemKind::Missing,
            });
        }
        problems
    }

    async fn describe(&self, cx: &CallContext, request: DescribeRequest) -> Result<DescribeResponse> {
        match request {
            DescribeRequest::Ping => ping(cx).await,
            DescribeRequest::Databases(_)
            | DescribeRequest::Tables { .. }
            | DescribeRequest::Table(_)
            | DescribeRequest::Query(_)
            | DescribeRequest::Sample { .. } => Err(engine_only("describe of tables")),
        }
    }

    async fn plan(&self, _cx: &CallContext, _request: PlanRequest) -> Result<PlanResponse> {
        Err(engine_only("plan"))
    }

    async fn splits(&self, _cx: &CallContext, _request: SplitsRequest) -> Result<SplitsPage> {
        Err(engine_only("splits"))
    }

    async fn read(&self, _cx: &CallContext, _request: ReadRequest) -> Result<ReadStream> {
        Err(engine_only("read"))
    }

    async fn cancel(&self, _cx: &CallContext, _invocation: InvocationId) -> Result<()> {
        Ok(())
    }
}

/// Opens the root and asks for the first page of its listing.
async fn ping(cx: &CallContext) -> Result<DescribeResponse> {
    let store = open_store(&cx.connection)?;
    let prefix = store_path(&cx.connection, &resolve_location(&cx.connection, None, "")?)?;
    cx.bounded(async {
        cx.counters.add_request();
        match store.list(Some(&prefix)).next().await {
            None | Some(Ok(_)) => Ok(DescribeResponse::Pong),
            Some(Err(error)) => Err(store_error(error, prefix.as_ref())),
        }
    })
    .await
}

fn engine_only(verb: &str) -> ConnectorError {
    ConnectorError::unsupported(format!(
        "connector `files` has no `{verb}`: the engine scans files itself"
    ))
}
