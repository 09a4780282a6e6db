//! Who signs the audit trail, how often, and where do copies of what was signed go?

use std::time::Duration;

use super::settings::{Origin, Problem, Settings};

/// Section `audit`.
#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    /// `env://NAME` or `file:///PATH` of the key (PKCS #8, PEM); absent: `DIR/audit.key`, made at the first start.
    pub signing_key: Option<String>,
    /// Between two checkpoints.
    pub checkpoint_interval: Duration,
    /// Events of this process after which a checkpoint comes early.
    pub checkpoint_events: u64,
    /// `s3://BUCKET/PREFIX` or `file:///PATH`; absent: no copies.
    pub checkpoints_url: Option<String>,
}

impl Audit {
    pub(super) fn read(settings: &mut Settings) -> Self {
        let audit = Self {
            signing_key: settings.optional_text("audit.signing_key"),
            checkpoint_interval: settings.seconds("audit.checkpoint_interval_seconds", 60, 1..=3_600),
            checkpoint_events: settings.number("audit.checkpoint_events", 1_000, 1..=1_000_000),
            checkpoints_url: settings.optional_text("audit.checkpoints_url"),
        };
        let key = audit
            .signing_key
            .iter()
            .map(|text| ("audit.signing_key", text, ["env://", "file:///"]));
        let url = audit
            .checkpoints_url
            .iter()
            .map(|text| ("audit.checkpoints_url", text, ["s3://", "file:///"]));
        for (path, text, starts) in key.chain(url) {
            if !starts.iter().any(|start| text.starts_with(start)) {
                settings.complain(Problem {
                    origin: Origin::Default,
                    message: format!("`{path}` must begin with `{}` or `{}`", starts[0], starts[1]),
                });
            }
        }
        audit
    }
}
