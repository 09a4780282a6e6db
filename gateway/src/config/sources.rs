//! Which files of this machine may connections reach?

use std::path::{Path, PathBuf};

use super::settings::Settings;

/// Section `sources`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sources {
    /// Folders below which local roots of connections must lie; default: the data directory.
    pub local_roots: Vec<PathBuf>,
    /// Folders below which `file://` secrets may lie that an API caller names; default: none.
    pub secret_roots: Vec<PathBuf>,
}

impl Sources {
    pub(super) fn read(settings: &mut Settings, data: &Path) -> Self {
        let absolute = |path: String| std::path::absolute(&path).unwrap_or_else(|_| PathBuf::from(path));
        let roots: Vec<PathBuf> = settings
            .texts("sources.local_roots")
            .into_iter()
            .map(absolute)
            .collect();
        let secret_roots = settings
            .texts("sources.secret_roots")
            .into_iter()
            .map(absolute)
            .collect();
        Self {
            local_roots: if roots.is_empty() { vec![data.to_owned()] } else { roots },
            secret_roots,
        }
    }
}
