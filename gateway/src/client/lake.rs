//! How is a lake applied and exported over HTTP?

use lakegate_openapi::{
    epoch::RollbackLake,
    lake::{ApplyLake, ExportLake, LakeApplied, LakeExported},
};
use reqwest::Method;

use super::{Client, Result};

impl Client {
    /// Applies a lake, or says what that would change.
    ///
    /// # Errors
    /// As all calls; a refusal may list problems.
    pub async fn apply_lake(&self, lake: &ApplyLake) -> Result<LakeApplied> {
        self.post(&["apply"], lake).await
    }

    /// Publishes what governed at an earlier epoch, or says what that would change.
    ///
    /// # Errors
    /// As all calls; a refusal may list problems.
    pub async fn rollback_lake(&self, body: &RollbackLake) -> Result<LakeApplied> {
        self.post(&["rollback"], body).await
    }

    /// The running lake in the format of its files.
    ///
    /// # Errors
    /// As all calls.
    pub async fn export_lake(&self, filter: &ExportLake) -> Result<LakeExported> {
        super::read(self.send(self.request(Method::GET, &["export"]).query(filter)).await?).await
    }
}
