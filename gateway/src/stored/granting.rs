//! May the caller grant this to them? What the caller may neither grant nor see does not exist.

use lakegate_catalog::{id::ObjectId, identity::GrantObject, object::Kind};
use lakegate_query::error::ErrorCode;
use serde_json::Value;

use super::Desk;
use crate::{
    error::{ApiError, Result},
    lake::{self, entry::RESOURCES},
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
        let asked = lake::GrantWish {
            privilege: &wish.privilege,
            grantee_role: role.as_ref(),
            with_grant_option: wish.with_grant_option,
            expires_ms: wish.expires_ms,
        };
        let object = GrantObject {
            entity_type: entity.to_owned(),
            id: id.clone(),
        };
        if !lake::may_grant(self.governor(), self.caller(), asked, &object) {
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

    /// May the caller know of the object?
    pub(super) fn knows_object(&self, entity: &str, id: &ObjectId) -> bool {
        match entity {
            "Tenant" | "PolicyStore" => true,
            "Column" => self
                .snapshot()
                .column_of_relation(id)
                .is_some_and(|(relation, column)| {
                    let path = self.snapshot().relation_path(relation);
                    path.is_some_and(|path| self.columns(&path).iter().any(|known| known.id == column.id))
                }),
            _ => Kind::ALL
                .into_iter()
                .find(|kind| kind.entity_type() == Some(entity))
                .is_some_and(|kind| self.lists(kind, id)),
        }
    }
}
