//! Where do copies of keys and checkpoints lie? Under a prefix of an object store that the server's database cannot reach;
//! that nobody overwrites them is the bucket's business (object lock).

use std::sync::Arc;

use futures::TryStreamExt;
use lakegate_catalog::audit::{checkpoint::SignedText, history::SignedTexts};
use object_store::{
    ObjectStore, ObjectStoreExt, PutMode, PutPayload, aws::AmazonS3Builder, local::LocalFileSystem, path::Path,
};

use crate::config::environment::Environment;

/// Variables of the AWS tools that are handed on.
const VARIABLES: [&str; 9] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_ALLOW_HTTP",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// A prefix of an object store.
#[derive(Clone, Debug)]
pub struct Copies {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Copies {
    /// Opens `s3://BUCKET/PREFIX` (credentials as the AWS tools take them from the environment) or `file:///PATH`.
    ///
    /// # Errors
    /// What is wrong. Holds no secret.
    pub fn open(url: &str, environment: &Environment) -> Result<Self, String> {
        if let Some(folder) = url.strip_prefix("file://") {
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
            let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| error.to_string())?;
            return Ok(Self {
                store: Arc::new(store),
                prefix: Path::default(),
            });
        }
        let Some((bucket, prefix)) = url
            .strip_prefix("s3://")
            .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
        else {
            return Err("it must begin with `s3://` or `file:///`".to_owned());
        };
        let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
        for name in VARIABLES {
            if let (Some(value), Ok(key)) = (environment.get(name), name.to_ascii_lowercase().parse()) {
                builder = builder.with_config(key, value);
            }
        }
        Ok(Self {
            store: Arc::new(
                builder
                    .build()
                    .map_err(|_| "bucket or credentials are missing".to_owned())?,
            ),
            prefix: Path::from(prefix),
        })
    }

    /// Puts what is not there yet; nothing is ever overwritten.
    ///
    /// # Errors
    /// What the object store says.
    pub async fn put(&self, texts: &SignedTexts) -> Result<(), String> {
        for (number, text) in (1_i64..).zip(&texts.keys) {
            self.put_one("key", number, text).await?;
        }
        for (number, text) in &texts.checkpoints {
            self.put_one("checkpoint", *number, text).await?;
        }
        Ok(())
    }

    async fn put_one(&self, kind: &str, number: i64, text: &SignedText) -> Result<(), String> {
        let body = serde_json::to_vec(text).map_err(|error| error.to_string())?;
        let place = self.prefix.clone().join(format!("{kind}-{number:012}.json"));
        match self
            .store
            .put_opts(&place, PutPayload::from(body), PutMode::Create.into())
            .await
        {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(format!("`{place}`: {error}")),
        }
    }

    /// Number of the last checkpoint that was copied; 0: none.
    ///
    /// # Errors
    /// What the object store says.
    pub async fn last(&self) -> Result<i64, String> {
        let names = self.names().await?;
        Ok(names
            .iter()
            .filter_map(|name| number(name, "checkpoint"))
            .max()
            .unwrap_or(0))
    }

    /// All copies.
    ///
    /// # Errors
    /// What the object store says, or what cannot be read.
    pub async fn read(&self) -> Result<SignedTexts, String> {
        let mut names = self.names().await?;
        names.sort();
        let mut texts = SignedTexts::default();
        for place in &names {
            if number(place, "key").is_some() {
                texts.keys.push(self.get(place).await?);
            } else if let Some(number) = number(place, "checkpoint") {
                texts.checkpoints.insert(number, self.get(place).await?);
            }
        }
        Ok(texts)
    }

    async fn names(&self) -> Result<Vec<Path>, String> {
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.as_ref().is_empty());
        let listed: Result<Vec<_>, _> = self
            .store
            .list(prefix)
            .map_ok(|object| object.location)
            .try_collect()
            .await;
        listed.map_err(|error| error.to_string())
    }

    async fn get(&self, place: &Path) -> Result<SignedText, String> {
        let failed = |error: object_store::Error| format!("`{place}`: {error}");
        let bytes = self
            .store
            .get(place)
            .await
            .map_err(failed)?
            .bytes()
            .await
            .map_err(failed)?;
        serde_json::from_slice(&bytes).map_err(|error| format!("`{place}` is not a signed text: {error}"))
    }
}

fn number(place: &Path, kind: &str) -> Option<i64> {
    let name = place.filename()?.strip_prefix(kind)?.strip_prefix('-')?;
    name.strip_suffix(".json")?.parse().ok()
}
