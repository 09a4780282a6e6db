//! What do the cases run on? A SQLite store in a directory of its own, secrets of a table, and sources that may be away.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use lakegate::lake::{
    self, Applier, ApplyContext, ApplyError, ApplyOptions, ApplyReport, ChangeKind, ExportOptions, LakeInput,
    inspect::{FoundColumn, FoundTable, InspectError, Inspector},
};
use lakegate_catalog::{
    Store, StoreOptions, connection::Connection, object::Stored, relation::Table, snapshot::Snapshot,
};
use lakegate_connectors::registry::Registry;
use lakegate_query::{
    connection::SecretSource,
    context::Caller,
    entities::{Governor, publish},
};

pub const PEPPER: &[u8] = b"0123456789abcdef0123456789abcdef";

/// A store with built-ins, and everything that an apply needs.
#[derive(Debug)]
pub struct Fixture {
    pub store: Store,
    pub directory: tempfile::TempDir,
    pub registry: Registry,
    pub sources: Sources,
    pub secrets: Secrets,
    roots: Vec<PathBuf>,
}

impl Fixture {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("store.db").display());
        let store = Store::open(&StoreOptions {
            url,
            max_connections: 2,
        })
        .await
        .unwrap();
        store.migrate().await.unwrap();
        lake::ensure_builtins(&store, Some("00")).await.unwrap();
        let roots = vec![directory.path().to_path_buf()];
        let secrets = Secrets::default();
        Self {
            store,
            directory,
            registry: Registry::built_in(),
            sources: Sources::default(),
            secrets,
            roots,
        }
    }

    pub fn context<'a>(&'a self, by: Applier<'a>) -> ApplyContext<'a> {
        ApplyContext {
            store: &self.store,
            registry: &self.registry,
            inspector: &self.sources,
            secrets: &self.secrets,
            pepper: PEPPER,
            local_roots: &self.roots,
            by,
        }
    }

    pub async fn apply(&self, texts: &[(&str, &str)]) -> Result<ApplyReport, ApplyError> {
        self.apply_with(texts, ApplyOptions::default()).await
    }

    pub async fn apply_with(&self, texts: &[(&str, &str)], options: ApplyOptions) -> Result<ApplyReport, ApplyError> {
        lake::apply(&self.context(Applier::Operator), &input(texts), options).await
    }

    /// Applies as a caller who approves whatever others gain.
    pub async fn apply_as(&self, user: &str, texts: &[(&str, &str)]) -> Result<ApplyReport, ApplyError> {
        let first = self.apply_approved(user, texts, None).await;
        let told = first.as_ref().err().and_then(|error| error.told.clone());
        match told.and_then(|told| told.digest) {
            Some(digest) => self.apply_approved(user, texts, Some(&digest)).await,
            None => first,
        }
    }

    pub async fn apply_approved(
        &self,
        user: &str,
        texts: &[(&str, &str)],
        approved: Option<&str>,
    ) -> Result<ApplyReport, ApplyError> {
        let (caller, governor) = self.caller(user).await;
        let by = Applier::Caller {
            caller: &caller,
            governor: &governor,
        };
        lake::apply_approved(&self.context(by), &input(texts), ApplyOptions::default(), approved).await
    }

    pub async fn caller(&self, user: &str) -> (Caller, Governor) {
        let snapshot = self.snapshot().await;
        let user = snapshot.find_user(user).expect("the user exists");
        let caller = Caller {
            user: user.id.clone(),
            name: user.name.clone(),
            key: None,
            method: "api-key",
            ip: "127.0.0.1".parse().unwrap(),
            mfa: false,
            auth_age_ms: None,
            door: "rest",
            client: None,
            purpose: None,
            trace_id: None,
            request_id: "r".to_owned(),
            extra_roles: Vec::new(),
            proof_ends: None,
        };
        let policies = publish(&snapshot).expect("what is stored publishes");
        (caller, Governor::new(snapshot, Arc::new(policies)))
    }

    pub async fn snapshot(&self) -> Arc<Snapshot> {
        self.store.snapshot().await.unwrap()
    }

    /// Exports the lake and applies it again, through the same and through the JSON form: nothing changes.
    pub async fn round_trip(&self, lake: &str) -> String {
        let options = ExportOptions {
            lake: Some(lake.to_owned()),
            ..ExportOptions::default()
        };
        let exported = lake::export(&self.store, None, &options).await.unwrap();
        for away in [false, true] {
            self.sources.away.store(away, Ordering::Relaxed);
            let texts = [
                ("lake.yaml", exported.yaml.as_str()),
                ("policies.cedar", exported.cedar.as_str()),
            ];
            let again = self
                .apply(&texts)
                .await
                .unwrap_or_else(|error| panic!("{error}\n{}", exported.yaml));
            assert!(again.is_unchanged(), "{:#?}\n{}", changed(&again), exported.yaml);
            let json = LakeInput::from_json(exported.json.clone());
            let options = ApplyOptions {
                prune: true,
                ..ApplyOptions::default()
            };
            let again = lake::apply(&self.context(Applier::Operator), &json, options)
                .await
                .unwrap();
            assert!(again.is_unchanged(), "{:#?}\n{}", changed(&again), exported.yaml);
        }
        self.sources.away.store(false, Ordering::Relaxed);
        format!("{}{}", exported.yaml, exported.cedar)
    }
}

pub fn input(texts: &[(&str, &str)]) -> LakeInput {
    LakeInput::from_texts(
        texts
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
    )
}

/// `created table lake.sales.orders`, …
pub fn changed(report: &ApplyReport) -> Vec<String> {
    let changes = report
        .changes
        .iter()
        .filter(|change| change.change != ChangeKind::Unchanged);
    changes
        .map(|change| {
            format!(
                "{} {} {} {}",
                change.change.word(),
                change.kind,
                change.name,
                change.fields.join(",")
            )
        })
        .collect()
}

/// Every problem as `place CODE message`.
pub fn problems(result: Result<ApplyReport, ApplyError>) -> Vec<String> {
    let problems = result.expect_err("something is wrong").problems;
    problems
        .iter()
        .map(|problem| format!("{} {} {}", problem.place, problem.code.text(), problem.message))
        .collect()
}

#[derive(Debug)]
pub struct Secrets(pub BTreeMap<String, String>);

impl Default for Secrets {
    fn default() -> Self {
        let secret = |name: &str, letter: &str| (format!("env://{name}"), letter.repeat(40));
        Self(BTreeMap::from([
            secret("ANA_KEY", "a"),
            secret("BOB_KEY", "b"),
            ("env://SHORT".to_owned(), "short".to_owned()),
        ]))
    }
}

impl SecretSource for Secrets {
    fn resolve(&self, reference: &str, _: Option<&Path>) -> Result<String, String> {
        self.0
            .get(reference)
            .cloned()
            .ok_or_else(|| format!("`{reference}` is not set"))
    }
}

/// One discovered table, and one answer to every inference.
#[derive(Debug, Default)]
pub struct Sources {
    pub away: AtomicBool,
}

fn column(name: &str, data_type: &str) -> FoundColumn {
    FoundColumn {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        nullable: true,
    }
}

#[async_trait]
impl Inspector for Sources {
    async fn infer(
        &self,
        _: &Stored<Connection>,
        _: Option<&str>,
        _: &Table,
    ) -> Result<Vec<FoundColumn>, InspectError> {
        self.reach()?;
        Ok(vec![column("faa", "varchar"), column("Alt", "bigint")])
    }

    async fn describe(
        &self,
        _: &Stored<Connection>,
        database: &str,
        table: &str,
    ) -> Result<Option<FoundTable>, InspectError> {
        self.reach()?;
        let columns = match table {
            "customers" => vec![
                column("id", "bigint"),
                column("Email", "varchar"),
                column("region", "varchar"),
            ],
            "passengers" => ["id", "year", "month", "day", "flight"]
                .map(|name| column(name, "bigint"))
                .into_iter()
                .chain(["carrier", "origin", "name", "email", "card", "seat"].map(|name| column(name, "varchar")))
                .collect(),
            "airlines" | "planes" => vec![column("carrier", "varchar")],
            _ => return Ok(None),
        };
        Ok(Some(FoundTable {
            database: database.to_owned(),
            table: table.to_owned(),
            source_id: None,
            columns,
            sampled: false,
        }))
    }
}

impl Sources {
    fn reach(&self) -> Result<(), InspectError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(InspectError {
                message: "the source is away".to_owned(),
                unreachable: true,
            });
        }
        Ok(())
    }
}
