//! May the caller do this? Asked before anything of a body is looked at, so that a refusal tells nothing about it.
//!
//! The engine of lakes asks again, change by change, and has the last word.

use lakegate_catalog::{id::ObjectId, object::Kind, snapshot::TablePath};
use lakegate_policy::Action;
use lakegate_query::{audit, context::request_context, entities::ObjectRef, error::ErrorCode};
use serde_json::Value;

use super::{DatabaseName, Desk};
use crate::{
    error::{ApiError, Result, chain},
    lake,
};

impl Desk {
    /// May the caller do this?
    #[must_use]
    pub fn may(&self, action: Action, object: &ObjectRef) -> bool {
        self.governor()
            .decide(self.caller(), &request_context(self.caller()), action, object)
            .is_allowed()
    }

    /// Refuses what the caller may not do; the refusal is audited. Only for what the caller may see.
    ///
    /// # Errors
    /// `ACCESS_DENIED`.
    pub async fn require(&self, action: Action, object: &ObjectRef, what: &str) -> Result<()> {
        if self.may(action, object) {
            Ok(())
        } else {
            Err(self.denied(action.name(), what).await)
        }
    }

    /// Refuses a patch: tags alone need `AssociateTag`, everything else `Alter`.
    ///
    /// # Errors
    /// `ACCESS_DENIED`.
    pub async fn require_change(&self, kind: Kind, id: &ObjectId, patch: &Value) -> Result<()> {
        let only_tags = patch
            .as_object()
            .is_some_and(|members| !members.is_empty() && members.keys().all(|key| key == "tags"));
        let action = if only_tags { Action::AssociateTag } else { Action::Alter };
        self.require(action, &object(kind, id), &self.name(kind, id)).await
    }

    /// Refuses a delete.
    ///
    /// # Errors
    /// `ACCESS_DENIED`.
    pub async fn require_drop(&self, kind: Kind, id: &ObjectId) -> Result<()> {
        self.require(Action::Drop, &object(kind, id), &self.name(kind, id))
            .await
    }

    /// Refuses a table in a database. A table of a source is found, not made: governing it needs `Alter` on its catalog.
    ///
    /// # Errors
    /// `NOT_FOUND` or `SCHEMA_NOT_FOUND`, `ACCESS_DENIED`.
    pub async fn require_create_table(&self, name: &DatabaseName) -> Result<()> {
        let catalog = self.catalog(&name.catalog)?;
        if catalog.body.discover {
            return self
                .require(
                    Action::Alter,
                    &object(Kind::Catalog, &catalog.id),
                    &self.name(Kind::Catalog, &catalog.id),
                )
                .await;
        }
        let database = self.database(name)?;
        let what = self.name(Kind::Database, &database.id);
        self.require(Action::CreateTable, &object(Kind::Database, &database.id), &what)
            .await
    }

    /// Refuses a view in a database.
    ///
    /// # Errors
    /// `NOT_FOUND` or `SCHEMA_NOT_FOUND`, `ACCESS_DENIED`.
    pub async fn require_create_view(&self, name: &DatabaseName) -> Result<()> {
        let database = self.database(name)?;
        let what = self.name(Kind::Database, &database.id);
        self.require(Action::CreateView, &object(Kind::Database, &database.id), &what)
            .await
    }

    /// Refuses the list of partitions: their values are data, whatever the row filters say.
    ///
    /// # Errors
    /// `ACCESS_DENIED`.
    pub async fn require_partitions(&self, path: &TablePath) -> Result<()> {
        let table = object(Kind::Table, &path.table.id);
        if self.may(Action::Alter, &table) || self.may(Action::ReadStats, &table) {
            return Ok(());
        }
        Err(self.denied("ReadStats", &self.name(Kind::Table, &path.table.id)).await)
    }

    /// Refuses to apply a lake for who may change nothing at all: checking one resolves names and asks sources.
    ///
    /// # Errors
    /// `ACCESS_DENIED`.
    pub async fn require_any_change(&self) -> Result<()> {
        let mut questions: Vec<(Action, ObjectRef)> = [
            Action::Grant,
            Action::ManageConnection,
            Action::ManageIdentity,
            Action::ManageWorkgroup,
        ]
        .map(|action| (action, ObjectRef::tenant()))
        .to_vec();
        questions.push((Action::ManagePolicy, ObjectRef::policy_store()));
        let snapshot = self.snapshot();
        let of = |kind: Kind, id: &ObjectId, actions: &[Action]| -> Vec<(Action, ObjectRef)> {
            actions.iter().map(|action| (*action, object(kind, id))).collect()
        };
        let container = [Action::Alter, Action::AssociateTag, Action::CreateDatabase];
        let database = [
            Action::Alter,
            Action::AssociateTag,
            Action::CreateTable,
            Action::CreateView,
        ];
        let connection = [Action::CreateCatalog, Action::ManageConnection];
        questions.extend(
            snapshot
                .connections
                .iter()
                .flat_map(|one| of(Kind::Connection, &one.id, &connection)),
        );
        questions.extend(
            snapshot
                .catalogs
                .iter()
                .flat_map(|one| of(Kind::Catalog, &one.id, &container)),
        );
        questions.extend(
            snapshot
                .databases
                .iter()
                .flat_map(|one| of(Kind::Database, &one.id, &database)),
        );
        questions.extend(
            snapshot
                .tables
                .iter()
                .flat_map(|one| of(Kind::Table, &one.id, &[Action::Alter, Action::AssociateTag])),
        );
        questions.extend(
            snapshot
                .views
                .iter()
                .flat_map(|one| of(Kind::View, &one.id, &[Action::Alter, Action::AssociateTag])),
        );
        questions.extend(
            snapshot
                .tags
                .iter()
                .flat_map(|one| of(Kind::Tag, &one.id, &[Action::DefineTag])),
        );
        let request = request_context(self.caller());
        let decisions = self.governor().decide_all(self.caller(), &request, &questions);
        let decided = decisions.iter().any(lakegate_policy::Decision::is_allowed);
        if decided || lake::may_pass_on_anything(snapshot, self.caller()) {
            Ok(())
        } else {
            Err(self.denied("apply", "lake").await)
        }
    }

    /// The refusal of what may be seen and not done, after it was audited.
    pub async fn denied(&self, action: &str, what: &str) -> ApiError {
        let mut event = audit::event(self.caller(), "change", action, what, self.snapshot());
        event.decision = "deny".to_owned();
        event.outcome = ErrorCode::AccessDenied.text().to_owned();
        match self.audit(&[event]).await {
            Ok(()) => ApiError::new(
                ErrorCode::AccessDenied,
                format!("you may not do this: `{action}` on `{what}`"),
            ),
            Err(error) => error,
        }
    }

    /// Audits that the caller reads something that is sensitive by itself.
    ///
    /// # Errors
    /// `AUDIT_UNAVAILABLE`.
    pub async fn note_read(&self, action: Action, what: &str) -> Result<()> {
        let event = audit::event(self.caller(), "read", action.name(), what, self.snapshot());
        self.audit(&[event]).await
    }

    /// Stores events: what cannot be audited is not answered.
    ///
    /// # Errors
    /// `AUDIT_UNAVAILABLE`.
    pub(super) async fn audit(&self, events: &[lakegate_catalog::audit::AuditEvent]) -> Result<()> {
        if let Err(error) = self.app().store.append_audit(events).await {
            self.app().metrics.count_audit_failure();
            tracing::error!(error = %chain(&error), "an event could not be audited");
            return Err(ApiError::new(
                ErrorCode::AuditUnavailable,
                "nothing is answered that cannot be audited",
            ));
        }
        Ok(())
    }

    /// `kind:name` of an object, for people.
    fn name(&self, kind: Kind, id: &ObjectId) -> String {
        let name = kind
            .entity_type()
            .and_then(|entity| self.snapshot().name_of(entity, id.as_str()));
        format!("{kind}:{}", name.unwrap_or_else(|| id.to_string()))
    }
}

/// The entity of an object.
fn object(kind: Kind, id: &ObjectId) -> ObjectRef {
    kind.entity_type()
        .map_or_else(ObjectRef::tenant, |entity| ObjectRef::new(entity, id.as_str()))
}
