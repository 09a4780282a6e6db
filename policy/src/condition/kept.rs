//! Which bodies have been read already? Reading one costs more than deciding with it; a set of policies keeps what it has read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::{RowColumn, RowCondition};
use crate::problem::PolicyProblem;

type Key = (String, Vec<RowColumn>);

/// Read bodies, by text and columns: nothing else decides what a body means.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptConditions(Arc<Mutex<HashMap<Key, Arc<RowCondition>>>>);

impl KeptConditions {
    /// The condition that a resolved body means.
    pub(crate) fn get(&self, resolved: &str, columns: &[RowColumn]) -> Result<Arc<RowCondition>, Vec<PolicyProblem>> {
        let key = (resolved.to_owned(), columns.to_vec());
        let known = self.0.lock().ok().and_then(|kept| kept.get(&key).cloned());
        if let Some(known) = known {
            return Ok(known);
        }
        let condition = Arc::new(RowCondition::parse(resolved, columns)?);
        if let Ok(mut kept) = self.0.lock() {
            kept.insert(key, Arc::clone(&condition));
        }
        Ok(condition)
    }
}
