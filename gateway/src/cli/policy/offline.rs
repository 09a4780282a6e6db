//! How is it decided without a server? A lake is applied to a store of its own, which is gone afterwards.
//!
//! Secrets are made up: nothing is asked of a source but what `columns: infer` needs.

use std::{path::PathBuf, sync::Arc};

use lakegate_catalog::{Store, StoreOptions};
use lakegate_openapi::policy_simulation::{PolicySimulation, SimulatePolicies};
use lakegate_query::context::Caller;
use tempfile::TempDir;

use crate::{
    app::AppState,
    bootstrap,
    cli::failure::{Failure, Result},
    config::{self, Sources, environment::Environment},
    error::ApiError,
    from_wire,
    health::Health,
    lake::{LakeInput, SourceText, builtins::ADMIN},
    server,
    stored::Desk,
    telemetry::Metrics,
    to_wire,
};

/// A lake of files, as its administrator sees it.
#[derive(Debug)]
pub struct Offline {
    app: AppState,
    _directory: TempDir,
}

impl Offline {
    /// Applies the files at `paths`.
    ///
    /// # Errors
    /// Everything that is wrong with the lake.
    pub async fn open(paths: &[PathBuf]) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| Failure::local(format!("the lake cannot be used: {error}"));
        let directory = tempfile::tempdir().map_err(|error| failed(&error))?;
        let names = secrets(paths);
        let values: Vec<String> = names
            .iter()
            .map(|name| format!("offline-{name}-{name}-0123456789-0123456789"))
            .collect();
        let environment = Environment::of(names.iter().map(String::as_str).zip(values.iter().map(String::as_str)));
        let sources = Sources {
            data: Some(directory.path().to_owned()),
            environment: environment.clone(),
            ..Sources::default()
        };
        let config = config::load(sources).map_err(|problems| failed(&problems))?.config;
        let options = StoreOptions {
            url: config.database.url.clone(),
            max_connections: 2,
        };
        let store = Store::open(&options).await.map_err(|error| failed(&error))?;
        store.migrate().await.map_err(|error| failed(&error))?;
        let metrics = Arc::new(Metrics::new().map_err(|error| failed(&error))?);
        let app = server::assemble(&config, &environment, store, metrics, Arc::new(Health::default()))
            .await
            .map_err(|error| failed(&error))?;
        bootstrap::bootstrap(&app, paths)
            .await
            .map_err(|error| failed(&error))?;
        Ok(Self {
            app,
            _directory: directory,
        })
    }

    /// As `POST /v1/policies/simulate` of a server.
    ///
    /// # Errors
    /// As that.
    pub async fn simulate(&self, question: SimulatePolicies) -> Result<PolicySimulation> {
        self.simulated(question)
            .await
            .map_err(|error| Failure::refused(error.code(), &error.to_string()))
    }

    async fn simulated(&self, question: SimulatePolicies) -> Result<PolicySimulation, ApiError> {
        let desk = Desk::open(self.app.clone(), self.administrator().await?).await?;
        let wish = from_wire::inquiry::wish(desk.snapshot(), question)?;
        let done = desk.clone().simulate(wish).await?;
        to_wire::explanation::simulated(&desk, &done)
    }

    async fn administrator(&self) -> Result<Caller, ApiError> {
        let snapshot = self.app.store.snapshot().await?;
        let user = snapshot.find_user(ADMIN).map(|user| user.id.clone());
        Ok(Caller {
            user: user.ok_or_else(|| ApiError::internal("there is no administrator"))?,
            name: ADMIN.to_owned(),
            key: None,
            method: "internal",
            ip: std::net::Ipv4Addr::LOCALHOST.into(),
            mfa: false,
            auth_age_ms: None,
            door: "internal",
            client: None,
            purpose: None,
            trace_id: None,
            request_id: String::new(),
            extra_roles: Vec::new(),
            proof_ends: None,
        })
    }
}

/// The variables that the lake's `env://NAME` name.
fn secrets(paths: &[PathBuf]) -> Vec<String> {
    let input = LakeInput::from_paths(paths).unwrap_or_default();
    let texts = input.sources.iter().filter_map(|source| match &source.text {
        SourceText::Text(text) => Some(text.as_str()),
        SourceText::Json(_) => None,
    });
    let name = |rest: &str| -> String {
        rest.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect()
    };
    let mut names: Vec<String> = texts
        .flat_map(|text| text.split("env://").skip(1).map(name).collect::<Vec<_>>())
        .filter(|name| !name.starts_with("LAKEGATE"))
        .collect();
    names.sort();
    names.dedup();
    names
}
