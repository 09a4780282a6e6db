//! May the caller grant this to them? What the caller may neither grant nor see does not exist.

use lakegate_catalog::{id::ObjectId, object::Kind};
use lakegate_policy::{Action, GrantContext};
use lakegate_query::{context::request_context, entities::ObjectRef, error::ErrorCode};
use serde_json::Value;

use super::Desk;
use crate::{
    error::{ApiError, Result},
    lake::entry::RESOURCES,
};

/// A grant that is asked for.
#[derive(Clone, Debug)]
pub struct GrantWish {
    /// `user:NAME` or `role:NAME`.
    pub to: String,
    pub privilege: String,
    /// `kind:name`.
    pub resource: String,
    pub with_grant_option: bool,
    pub expires_ms: Option<i64>,
    /// The whole entry.
    pub entry: Value,
}

impl Desk {
    /// Refuses a grant that the caller may not give, or that is there.
    ///
    /// # Errors
    /// `NOT_FOUND` if the object is missing or hidden, `ACCESS_DENIED`, `ALREADY_EXISTS`.
    pub async fn require_grant(&self, wish: &GrantWish) -> Result<()> {
        let missing = || ApiError::new(ErrorCode::NotFound, format!("`{}` does not exist", wish.resource));
        let (entity, id) = self.object_of(&wish.resource).ok_or_else(missing)?;
        let role = wish
            .to
            .strip_prefix("role:")
            .and_then(|name| self.snapshot().resolve("Role", name));
        let context = GrantContext {
            request: request_context(self.caller()),
            privilege: wish.privilege.clone(),
            grantee_role: role.map(|id| id.to_string()),
            with_grant_option: wish.with_grant_option,
            expires: wish.expires_ms,
        };
        // A data location is no object of the catalog: the right to grant on everything is needed.
        let object = if entity == "DataLocation" {
            ObjectRef::tenant()
        } else {
            ObjectRef::new(entity, id.as_str())
        };
        if !self
            .governor()
            .decide_grant(self.caller(), &context, Action::Grant, &object)
            .is_allowed()
        {
            return Err(if self.knows_object(entity, &id) {
                self.denied("Grant", &wish.resource).await
            } else {
                missing()
            });
        }
        let same = |grant: &&std::sync::Arc<lakegate_catalog::object::Stored<lakegate_catalog::identity::Grant>>| {
            let view = self
                .view(Kind::Grant, &grant.id)
                .map(|view| view.body)
                .unwrap_or_default();
            let is = |member: &str, text: &str| {
                view.get(member)
                    .and_then(Value::as_str)
                    .is_some_and(|known| known.eq_ignore_ascii_case(text))
            };
            grant.body.privilege == wish.privilege && is("to", &wish.to) && is("resource", &wish.resource)
        };
        match self.snapshot().grants.iter().find(same) {
            Some(_) => Err(ApiError::new(
                ErrorCode::AlreadyExists,
                format!(
                    "`{}` on `{}` is granted to `{}` already",
                    wish.privilege, wish.resource, wish.to
                ),
            )),
            None => Ok(()),
        }
    }

    fn object_of(&self, resource: &str) -> Option<(&'static str, ObjectId)> {
        let (word, name) = resource.split_once(':')?;
        let (_, entity) = RESOURCES.iter().find(|(known, _)| *known == word)?;
        Some((*entity, self.snapshot().resolve(entity, name)?))
    }

    fn knows_object(&self, entity: &str, id: &ObjectId) -> bool {
        let table_of = |column: &ObjectId| {
            self.snapshot()
                .column_path(column)
                .map(|path| (path.table.id.clone(), path.column))
        };
        match entity {
            "Tenant" | "PolicyStore" => true,
            "Column" => table_of(id).is_some_and(|(table, column)| {
                let path = self.snapshot().table_path(&table);
                path.is_some_and(|path| self.columns(&path).iter().any(|known| known.id == column.id))
            }),
            _ => Kind::ALL
                .into_iter()
                .find(|kind| kind.entity_type() == Some(entity))
                .is_some_and(|kind| self.lists(kind, id)),
        }
    }
}
