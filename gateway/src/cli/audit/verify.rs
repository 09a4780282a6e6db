//! Is the audit trail what was written? Read from the store itself, as whoever asks need not trust the server.

use clap::Args;
use lakegate_catalog::{
    AuditTrust,
    audit::{AuditPart, AuditVerification},
};
use serde_json::json;

use super::place::{failed, open, public_keys};
use crate::{
    cli::{
        exit::Exit,
        items::ItemFormat,
        output::{say, tell},
        serve::ConfigFlags,
    },
    config::environment::Environment,
};

/// Where the store is, what is known from elsewhere, and how to say what was found.
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    flags: ConfigFlags,
    /// A key that is known to sign this store: 64 hex digits, or a file (PEM); may be repeated
    #[arg(long, value_name = "KEY")]
    public_key: Vec<String>,
    /// Where copies of the checkpoints lie [default: `audit.checkpoints_url` of the configuration]
    #[arg(long, value_name = "URL")]
    checkpoints: Option<String>,
    /// Format of the finding
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
}

/// Verifies: 0 if everything holds, 1 if it does not, 13 if only the end of a chain is gone, 10 if the store cannot be
/// reached.
pub(super) async fn run(command: Verify, environment: Environment) -> Exit {
    match verify(&command, environment).await {
        Ok(report) => told(&report, command.format),
        Err(exit) => exit,
    }
}

async fn verify(command: &Verify, environment: Environment) -> Result<AuditVerification, Exit> {
    let keys = public_keys(&command.public_key)?;
    let place = open(command.flags.clone(), environment).await?;
    let copies = place.copies(command.checkpoints.as_deref()).await?;
    let report = place.store.verify_audit_with(&AuditTrust { keys, copies }).await;
    place.store.close().await;
    report.map_err(failed)
}

fn told(report: &AuditVerification, format: ItemFormat) -> Exit {
    if format.is_json() {
        say(json(report));
    }
    for lost in &report.acknowledged {
        let last = if lost.last > 0 {
            lost.last.to_string()
        } else {
            "?".to_owned()
        };
        tell(format!(
            "records {} to {last} of chain `{}` are lost: accepted by {} ({})",
            lost.first, lost.stream, lost.by, lost.reason
        ));
    }
    if report.checkpoints == 0 {
        tell("no checkpoint signs the records: an editor who writes the hashes again goes unnoticed");
    }
    match &report.fault {
        Some(fault) => {
            tell(format!("{fault}; {} records before it hold", report.records));
            if fault.is_torn() { Exit::Torn } else { Exit::Refused }
        }
        None if format.is_json() => Exit::Done,
        None => {
            say(format!(
                "{} records in {} chains hold, {} checkpoints sign all but the last {}",
                report.records, report.streams, report.checkpoints, report.unsigned
            ));
            Exit::Done
        }
    }
}

fn json(report: &AuditVerification) -> serde_json::Value {
    let fault = report.fault.as_ref().map(|fault| {
        let part = match fault.part {
            AuditPart::Record => "record",
            AuditPart::Checkpoint => "checkpoint",
            AuditPart::Copy => "copy",
            AuditPart::Key => "key",
        };
        json!({
            "part": part, "chain": fault.stream, "seq": fault.seq, "kind": fault.kind.word(),
            "checkpoint": fault.checkpoint, "message": fault.to_string(),
        })
    });
    json!({
        "chains": report.streams, "records": report.records, "checkpoints": report.checkpoints,
        "unsigned": report.unsigned, "key": report.key, "acknowledged": report.acknowledged, "fault": fault,
    })
}
