//! Which names have the objects of a snapshot, for policies?

use lakegate_catalog::snapshot::Snapshot;
use lakegate_policy::NameResolver;

/// Resolves names in Cedar text against a snapshot, and ids back.
#[derive(Debug)]
pub struct Names<'a>(pub &'a Snapshot);

impl NameResolver for Names<'_> {
    fn resolve(&self, entity_type: &str, name: &str) -> Option<String> {
        self.0.resolve(entity_type, name).map(|id| id.to_string())
    }

    fn name_of(&self, entity_type: &str, id: &str) -> Option<String> {
        self.0.name_of(entity_type, id)
    }
}
