//! Where is the key that opens stored secrets?

use super::settings::Settings;

/// Section `secrets`.
#[derive(Clone, Debug, PartialEq)]
pub struct Secrets {
    /// `env://NAME` or `file:///PATH`; default: `master.key` in the data directory, made at the first start.
    pub master_key: Option<String>,
    /// As `master_key`: the one before it, while what it sealed is wrapped again.
    pub previous_master_key: Option<String>,
}

impl Secrets {
    pub(super) fn read(settings: &mut Settings) -> Self {
        Self {
            master_key: settings.reference("secrets.master_key"),
            previous_master_key: settings.reference("secrets.previous_master_key"),
        }
    }
}
