//! Is the audit trail what was written? Read from the store itself, as whoever asks need not trust the server.

use std::path::Path;

use clap::Args;
use lakegate_catalog::{
    Store, StoreError, StoreOptions,
    audit::{AuditFaultKind, AuditVerification},
};
use serde_json::json;

use crate::{
    cli::{
        exit::Exit,
        items::ItemFormat,
        output::{say, tell},
        serve::ConfigFlags,
    },
    config::{self, Config, environment::Environment},
    error::chain,
};

/// Where the store is, and how to say what was found.
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    flags: ConfigFlags,
    /// Format of the finding
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
}

/// Verifies: 0 if everything holds, 1 if it does not, 10 if the store cannot be reached.
pub(super) async fn run(command: Verify, environment: Environment) -> Exit {
    let config = match config::load(command.flags.sources(environment)) {
        Ok(loaded) => loaded.config,
        Err(problems) => {
            tell(problems);
            return Exit::Refused;
        }
    };
    if let Some(file) = config.database.url.strip_prefix("sqlite://")
        && !Path::new(file).exists()
    {
        tell(format!(
            "there is no store `{file}`: say where it is with `--data` or `--config`"
        ));
        return Exit::Refused;
    }
    match verify(&config).await {
        Ok(report) => told(&report, command.format),
        Err(error) => {
            tell(chain(&error));
            if error.is_transient() {
                Exit::Unreachable
            } else {
                Exit::Refused
            }
        }
    }
}

async fn verify(config: &Config) -> Result<AuditVerification, StoreError> {
    let store = Store::open(&StoreOptions {
        url: config.database.url.clone(),
        max_connections: config.database.max_connections,
    })
    .await?;
    store.require_current().await?;
    let report = store.verify_audit().await;
    store.close().await;
    report
}

fn told(report: &AuditVerification, format: ItemFormat) -> Exit {
    if format.is_json() {
        let fault = report.fault.as_ref().map(|fault| {
            json!({"chain": fault.stream, "seq": fault.seq, "kind": word(fault.kind), "message": fault.to_string()})
        });
        say(json!({"chains": report.streams, "records": report.records, "fault": fault}));
    }
    match &report.fault {
        Some(fault) => {
            tell(format!("{fault}; {} records before it hold", report.records));
            Exit::Refused
        }
        None if format.is_json() => Exit::Done,
        None => {
            say(format!("{} records in {} chains hold", report.records, report.streams));
            Exit::Done
        }
    }
}

fn word(kind: AuditFaultKind) -> &'static str {
    match kind {
        AuditFaultKind::Edited => "edited",
        AuditFaultKind::Missing => "missing",
        AuditFaultKind::Misplaced => "misplaced",
        AuditFaultKind::TornTail => "torn-tail",
    }
}
