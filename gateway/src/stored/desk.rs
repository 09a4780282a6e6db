//! Who reads or changes what? One caller, with the decisions under one snapshot, and the doors to the engine of lakes.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::FromRequestParts;
use http::request::Parts;
use lakegate_catalog::{id::ObjectId, object::Kind, snapshot::Snapshot};
use lakegate_query::{context::Caller, entities::Governor, error::ErrorCode, metadata::visible::Viewer};
use serde_json::Value;

use super::{IfMatch, NamePage, objects, refusal::refusal};
use crate::{
    app::AppState,
    error::{ApiError, Result},
    extract::Authenticated,
    lake::{
        Applier, ApplyContext, ApplyError, EntryView, Precondition, ProblemCode, entry::Picture, permission, resource,
    },
};

/// The catalog as one caller may read and change it, for the time of one request.
#[derive(Clone, Debug)]
pub struct Desk {
    app: AppState,
    caller: Caller,
    governor: Arc<Governor>,
    viewer: Arc<Viewer>,
}

impl FromRequestParts<AppState> for Desk {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self> {
        let Authenticated(caller) =
            <Authenticated as FromRequestParts<AppState>>::from_request_parts(parts, app).await?;
        Self::open(app.clone(), caller).await
    }
}

impl Desk {
    /// Opens the newest snapshot for a caller.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open(app: AppState, caller: Caller) -> Result<Self> {
        let governor = app.queries.governor().await?;
        let viewer = Arc::new(Viewer::new(&governor, &caller));
        Ok(Self {
            app,
            caller,
            governor,
            viewer,
        })
    }

    /// The same caller under the newest snapshot.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn reopened(&self) -> Result<Self> {
        Self::open(self.app.clone(), self.caller.clone()).await
    }

    #[must_use]
    pub fn app(&self) -> &AppState {
        &self.app
    }

    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    #[must_use]
    pub fn governor(&self) -> &Arc<Governor> {
        &self.governor
    }

    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        self.governor.snapshot()
    }

    /// The relations that the caller may know.
    #[must_use]
    pub fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// May the caller read the entry of this object: `Describe`, or the right to change it?
    #[must_use]
    pub fn reads(&self, kind: Kind, id: &ObjectId) -> bool {
        permission::visible(&self.governor, &self.caller, kind, id)
    }

    /// An object by the name that lake files give it (a grant by its id).
    ///
    /// # Errors
    /// `NOT_FOUND`, whether it is missing or hidden.
    pub fn find(&self, kind: Kind, name: &str) -> Result<EntryView> {
        let found = resource::find(self.snapshot(), kind, name).filter(|(id, _)| self.reads(kind, id));
        found
            .and_then(|(id, _)| self.view(kind, &id))
            .ok_or_else(|| missing(kind, name))
    }

    /// An object as it is stored in this snapshot, whether the caller may see it or not.
    #[must_use]
    pub fn view(&self, kind: Kind, id: &ObjectId) -> Option<EntryView> {
        let partitions = BTreeMap::new();
        resource::view_of(
            Picture {
                snapshot: self.snapshot(),
                partitions: &partitions,
            },
            kind,
            id,
        )
    }

    /// A page of the objects of a kind that the caller may read and that are `wanted`.
    ///
    /// # Errors
    /// Those of `show`.
    pub fn list<T>(
        &self,
        kind: Kind,
        page: &NamePage,
        wanted: impl Fn(&EntryView) -> bool,
        show: impl Fn(EntryView) -> Result<T>,
    ) -> Result<lakegate_openapi::list::List<T>> {
        let rows = objects::all(self.snapshot(), kind);
        let visible = rows.into_iter().filter(|(_, id)| self.reads(kind, id));
        let views = visible.filter_map(|(place, id)| Some((place, self.view(kind, &id)?)));
        page.cut(self, views.filter(|(_, view)| wanted(view)), show)
    }

    /// Makes an object.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub async fn create(&self, kind: Kind, name: &str, entry: Value) -> Result<EntryView> {
        let made = resource::put_entry(&self.context(), kind, name, entry, Precondition::Create).await;
        self.judged(kind, name, made).await
    }

    /// Merges a patch into an object that the caller may see.
    ///
    /// # Errors
    /// `NOT_FOUND`, `STALE_VERSION`, `ACCESS_DENIED`, or everything that is wrong with the result.
    pub async fn update(&self, kind: Kind, name: &str, patch: &Value, if_match: &IfMatch) -> Result<EntryView> {
        if patch.get("name").is_some() {
            return Err(ApiError::new(
                ErrorCode::NotSupported,
                format!("renaming a {kind} is not supported in this version"),
            ));
        }
        let expected = if_match.expected(self.version(kind, name)?);
        let changed = resource::patch_entry(&self.context(), kind, name, patch, expected).await;
        self.judged(kind, name, changed).await
    }

    /// Deletes an object that the caller may see, with what hangs on it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `STALE_VERSION`, `ACCESS_DENIED`, or what still uses it.
    pub async fn delete(&self, kind: Kind, name: &str, if_match: &IfMatch) -> Result<()> {
        let expected = if_match.expected(self.version(kind, name)?);
        let deleted = resource::delete_entry(&self.context(), kind, name, expected).await;
        self.judged(kind, name, deleted).await
    }

    /// What the engine of lakes needs to know.
    #[must_use]
    pub fn context(&self) -> ApplyContext<'_> {
        self.app.apply_context(Applier::Caller {
            caller: &self.caller,
            governor: &self.governor,
        })
    }

    fn version(&self, kind: Kind, name: &str) -> Result<i64> {
        resource::find(self.snapshot(), kind, name)
            .map(|(_, version)| version)
            .ok_or_else(|| missing(kind, name))
    }

    /// Turns a refusal of the engine into an answer; denials are audited.
    async fn judged<T>(&self, kind: Kind, name: &str, result: Result<T, ApplyError>) -> Result<T> {
        let error = match result {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let [problem] = error.problems.as_slice() else {
            return Err(refusal(&error));
        };
        match problem.code {
            // The route has found it: the caller knows that it is there, and has no right to its entry.
            ProblemCode::NotFound if self.knows(kind, name) => {
                Err(self.denied("change", &format!("{kind}:{name}")).await)
            }
            // Audited by the engine.
            ProblemCode::AccessDenied => Err(ApiError::new(ErrorCode::AccessDenied, &problem.message)),
            _ => Err(refusal(&error)),
        }
    }

    fn knows(&self, kind: Kind, name: &str) -> bool {
        resource::find(self.snapshot(), kind, name).is_some_and(|(id, _)| self.lists(kind, &id))
    }
}

/// The one refusal of what is missing or hidden.
pub(super) fn missing(kind: Kind, name: &str) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("{kind} `{name}` does not exist"))
}
