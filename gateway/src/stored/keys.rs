//! How is an API key made? With a secret that the server makes and shows once, or with one that is given by reference.

use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode};
use lakegate_catalog::{
    change::{ChangeSet, Delete, Put},
    id::ObjectId,
    identity::Key,
    object::{Kind, LOCAL_LAKE},
};
use lakegate_openapi::{api_key as wire, list::MergePatch};
use lakegate_policy::Action;
use lakegate_query::{audit, entities::ObjectRef, error::ErrorCode};
use serde_json::{Value, json};

use super::{Desk, IfMatch, desk::missing};
use crate::{
    auth::api_key,
    error::{ApiError, Result},
    lake::{EntryView, permission},
    middleware::idempotency::Ticket,
    to_wire,
};

/// A key that has just been stored.
#[derive(Clone)]
pub struct NewKey {
    pub view: EntryView,
    /// The key itself, if the server made it.
    pub text: Option<String>,
}

/// Never prints the key.
impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKey")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

impl Desk {
    /// The user that a new key is for: the caller, or one whom the caller may manage.
    ///
    /// # Errors
    /// `NOT_FOUND` if the user is missing or hidden, `ACCESS_DENIED`.
    pub async fn user_of_key(&self, wish: &wire::CreateApiKey) -> Result<ObjectId> {
        let user = match &wish.user {
            None => self.caller().user.clone(),
            Some(name) => self.find(Kind::User, name)?.id,
        };
        let what = format!("user:{}", wish.user.as_deref().unwrap_or(&self.caller().name));
        self.require_hold_on(&user, &what).await?;
        // Resolving a reference tells whether it is there: nothing for everybody.
        if wish.secret.is_some() {
            self.require(Action::ManageIdentity, &ObjectRef::new("User", user.as_str()), &what)
                .await?;
        }
        Ok(user)
    }

    /// Refuses the keys of others, unless the caller may manage them and is no less an administrator than they are.
    async fn require_hold_on(&self, user: &ObjectId, what: &str) -> Result<()> {
        if *user == self.caller().user {
            return Ok(());
        }
        self.require(Action::ManageIdentity, &ObjectRef::new("User", user.as_str()), what)
            .await?;
        if permission::exceeds(self.governor(), self.caller(), user) {
            return Err(self.denied("ManageIdentity", what).await);
        }
        Ok(())
    }

    /// Changes name or end of a key that the caller may see.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ACCESS_DENIED`, `STALE_VERSION`, `ALREADY_EXISTS`, or what is wrong with the patch.
    pub async fn update_key(&self, name: &str, patch: MergePatch, if_match: &IfMatch) -> Result<EntryView> {
        let id = self.find(Kind::Key, name)?.id;
        let missing = || missing(Kind::Key, name);
        let mut key = self.snapshot().key(&id).ok_or_else(missing)?.as_ref().clone();
        self.require_hold_on(&key.body.user, &format!("{}:{name}", Kind::Key))
            .await?;
        if_match.check(&format!("key `{name}`"), key.version)?;
        for (member, value) in patch.0 {
            match (member.as_str(), value) {
                ("name", Value::String(name)) if key.body.secret_ref.is_none() => key.name = printable(name)?,
                ("name", Value::String(_)) => {
                    let message = "the name of a key whose secret was given by reference belongs to its lake";
                    return Err(ApiError::new(ErrorCode::NotSupported, message));
                }
                ("expires", Value::Null) => key.body.expires = None,
                ("expires", Value::String(end)) => key.body.expires = Some(parse_time(&end)?),
                ("name" | "expires", _) => return Err(ApiError::invalid(format!("`{member}` must be a text"))),
                _ => {
                    return Err(ApiError::invalid(format!(
                        "`{member}` of a key does not change: make another key"
                    )));
                }
            }
        }
        let mut event = self.change_event("update", &format!("{}:{name}", Kind::Key));
        event.resource_id = Some(id.to_string());
        self.commit(Put::update(&key)?, event).await?;
        self.reopened().await?.view(Kind::Key, &id).ok_or_else(missing)
    }

    /// Stores a key. A made secret never enters the store: the answer that is kept for replays lacks it.
    ///
    /// # Errors
    /// `ALREADY_EXISTS`, `INVALID_REQUEST`, or what is wrong with the reference.
    pub async fn create_key(
        &self,
        user: &ObjectId,
        wish: wire::CreateApiKey,
        ticket: Option<Ticket>,
    ) -> Result<NewKey> {
        let expires = wish.expires.as_deref().map(parse_time).transpose()?;
        printable(wish.name.clone())?;
        if let Some(secret) = &wish.secret {
            let name = self
                .snapshot()
                .user(user)
                .map(|user| user.name.clone())
                .unwrap_or_default();
            let mut entry = json!({"user": name, "secret": secret});
            if let (Some(members), Some(expires)) = (entry.as_object_mut(), &wish.expires) {
                members.insert("expires".to_owned(), json!(expires));
            }
            let view = self.create(Kind::Key, &wish.name, entry).await?;
            return Ok(NewKey { view, text: None });
        }
        let made = api_key::create()?;
        let body = Key {
            user: user.clone(),
            hmac: api_key::hmac_hex(&self.app().pepper, &made.text),
            secret_ref: None,
            expires,
        };
        let put = Put::create(None, &wish.name, LOCAL_LAKE, &body)?;
        let id = put.id.clone();
        let mut event = self.change_event("create", &format!("{}:{}", Kind::Key, wish.name));
        event.resource_id = Some(id.to_string());
        self.commit_keeping(put, event, ticket.map(|ticket| kept(&ticket, &wish.name)).transpose()?)
            .await?;
        let view = self
            .reopened()
            .await?
            .view(Kind::Key, &id)
            .ok_or_else(|| missing(Kind::Key, &wish.name))?;
        Ok(NewKey {
            view,
            text: Some(made.text),
        })
    }

    /// An event of a change that no lake file says.
    pub(super) fn change_event(&self, action: &str, resource: &str) -> lakegate_catalog::audit::AuditEvent {
        audit::event(self.caller(), "change", action, resource, self.snapshot())
    }

    pub(super) async fn commit(&self, put: Put, event: lakegate_catalog::audit::AuditEvent) -> Result<()> {
        self.commit_keeping(put, event, None).await
    }

    pub(super) async fn commit_delete(&self, delete: Delete, event: lakegate_catalog::audit::AuditEvent) -> Result<()> {
        let principal = self.caller().name.clone();
        let change = ChangeSet {
            deletes: vec![delete],
            audit: vec![event],
            principal,
            ..ChangeSet::default()
        };
        self.app().store.commit(change).await?;
        Ok(())
    }

    async fn commit_keeping(
        &self,
        put: Put,
        event: lakegate_catalog::audit::AuditEvent,
        idempotency: Option<lakegate_catalog::idempotency::IdempotentAnswer>,
    ) -> Result<()> {
        let principal = self.caller().name.clone();
        let change = ChangeSet {
            puts: vec![put],
            audit: vec![event],
            principal,
            idempotency,
            ..ChangeSet::default()
        };
        self.app().store.commit(change).await?;
        Ok(())
    }
}

/// What a replay answers: where the key is found, and not what it is.
fn kept(ticket: &Ticket, name: &str) -> Result<lakegate_catalog::idempotency::IdempotentAnswer> {
    let location = to_wire::entry::location(&["api-keys", name]);
    let mut headers = HeaderMap::new();
    headers.insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    if let Ok(value) = http::HeaderValue::from_str(&location) {
        headers.insert(http::header::LOCATION, value);
    }
    ticket.answer(
        StatusCode::CREATED,
        &headers,
        json!({"name": name}).to_string().as_bytes(),
    )
}

fn printable(name: String) -> Result<String> {
    if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
        return Err(ApiError::invalid("`name` must have 1 to 256 printable characters"));
    }
    Ok(name)
}

fn parse_time(text: &str) -> Result<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|_| ApiError::invalid("`expires` must be a time such as `2027-01-01T00:00:00Z`"))?;
    Ok(time.with_timezone(&Utc))
}
