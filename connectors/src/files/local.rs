//! How is a local directory read? Through object_store, and never beyond the root, whatever symbolic links say.

use std::{fmt, ops::Range, path::PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, local::LocalFileSystem, path::Path,
};

use crate::error::ConnectorError;

use super::location::unreachable_root;

/// Files whose size and time are asked for at the same time.
const HEADS: usize = 16;

/// A read-only store over a directory; a file whose real path lies outside it does not exist.
#[derive(Clone, Debug)]
pub(crate) struct LocalRoot {
    inner: std::sync::Arc<LocalFileSystem>,
    /// Canonical.
    root: PathBuf,
}

impl LocalRoot {
    pub(crate) fn open(root: PathBuf) -> Result<Self, ConnectorError> {
        let inner = LocalFileSystem::new_with_prefix(&root).map_err(unreachable_root)?;
        Ok(Self {
            inner: std::sync::Arc::new(inner),
            root,
        })
    }

    async fn check(&self, location: &Path) -> Result<()> {
        let (root, path) = (self.root.clone(), location.to_string());
        let inside = tokio::task::spawn_blocking(move || is_inside(&root, &path))
            .await
            .unwrap_or(false);
        if inside { Ok(()) } else { Err(missing(location)) }
    }
}

fn is_inside(root: &std::path::Path, path: &str) -> bool {
    root.join(path).canonicalize().is_ok_and(|real| real.starts_with(root))
}

/// Files at any depth below `start`, links followed while they stay inside the root and lead to no parent of their own.
fn files_below(root: &std::path::Path, start: PathBuf) -> Result<Vec<Path>> {
    let mut files = Vec::new();
    let mut folders = vec![(start, Vec::<PathBuf>::new())];
    while let Some((folder, mut parents)) = folders.pop() {
        let Ok(real) = folder.canonicalize() else { continue };
        if !real.starts_with(root) || parents.contains(&real) || !real.is_dir() {
            continue;
        }
        parents.push(real);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let Ok(kind) = std::fs::metadata(&path) else { continue };
            if kind.is_dir() {
                folders.push((path, parents.clone()));
            } else if kind.is_file() && path.canonicalize().is_ok_and(|real| real.starts_with(root)) {
                let below = path.strip_prefix(root).ok().and_then(std::path::Path::to_str);
                files.push(Path::parse(below.unwrap_or_default()).map_err(failed)?);
            }
        }
    }
    Ok(files)
}

/// Files and folders of one folder that lie inside of the root; those of a folder that is not there are none.
fn level(root: &std::path::Path, folder: &std::path::Path) -> Result<(Vec<Path>, Vec<Path>)> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    if !folder
        .canonicalize()
        .is_ok_and(|real| real.starts_with(root) && real.is_dir())
    {
        return Ok((files, folders));
    }
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Ok(kind) = std::fs::metadata(&path) else { continue };
        if path.canonicalize().is_ok_and(|real| real.starts_with(root)) {
            let below = path.strip_prefix(root).ok().and_then(std::path::Path::to_str);
            let below = Path::parse(below.unwrap_or_default()).map_err(failed)?;
            if kind.is_dir() {
                folders.push(below)
            } else if kind.is_file() {
                files.push(below)
            }
        }
    }
    Ok((files, folders))
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Generic {
        store: "LocalRoot",
        source: Box::new(error),
    }
}

fn missing(location: &Path) -> Error {
    Error::NotFound {
        path: location.to_string(),
        source: "not below the root".into(),
    }
}

fn read_only() -> Error {
    Error::NotSupported {
        source: "the store is read-only".into(),
    }
}

impl fmt::Display for LocalRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalRoot")
    }
}

#[async_trait]
impl ObjectStore for LocalRoot {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only())
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.check(location).await?;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.check(location).await?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        futures::stream::once(async { Err(read_only()) }).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (root, inner) = (self.root.clone(), std::sync::Arc::clone(&self.inner));
        let start = prefix.map_or_else(|| root.clone(), |prefix| root.join(prefix.as_ref()));
        // Our own walk: object_store's follows links out of the root, and fails where one leads to its own parent.
        let walk = async move {
            let files = tokio::task::spawn_blocking(move || files_below(&root, start)).await;
            files.unwrap_or_else(|error| Err(failed(error)))
        };
        futures::stream::once(walk)
            .map_ok(|files| futures::stream::iter(files.into_iter().map(Ok)))
            .try_flatten()
            .map_ok(move |path| {
                let inner = std::sync::Arc::clone(&inner);
                async move { inner.head(&path).await }
            })
            .try_buffered(HEADS)
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let root = self.root.clone();
        let folder = prefix.map_or_else(|| root.clone(), |prefix| root.join(prefix.as_ref()));
        let level = tokio::task::spawn_blocking(move || level(&root, &folder)).await;
        let (files, common_prefixes) = level.unwrap_or_else(|error| Err(failed(error)))?;
        let heads = files.into_iter().map(|path| {
            let inner = std::sync::Arc::clone(&self.inner);
            async move { inner.head(&path).await }
        });
        let objects = futures::stream::iter(heads).buffered(HEADS).try_collect().await?;
        Ok(ListResult {
            objects,
            common_prefixes,
        })
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_link_that_leads_outside_does_not_exist() {
        let directory = tempfile::tempdir().expect("directory");
        let (root, secret) = (directory.path().join("root"), directory.path().join("secret"));
        std::fs::create_dir(&root).expect("root");
        std::fs::write(&secret, "x").expect("secret");
        std::fs::write(root.join("plain"), "y").expect("plain");
        std::os::unix::fs::symlink(&secret, root.join("link")).expect("link");
        std::os::unix::fs::symlink(directory.path(), root.join("up")).expect("link");
        let store = LocalRoot::open(root.canonicalize().expect("root")).expect("store");
        assert!(store.get(&Path::from("link")).await.is_err());
        assert!(store.get(&Path::from("up/secret")).await.is_err());
        assert!(store.get(&Path::from("plain")).await.is_ok());
        let listed: Vec<String> = store
            .list(None)
            .map_ok(|entry| entry.location.to_string())
            .try_collect()
            .await
            .expect("list");
        assert_eq!(listed, ["plain"]);
        let level = store.list_with_delimiter(None).await.expect("level");
        assert_eq!((level.objects.len(), level.common_prefixes.len()), (1, 0));
        assert!(
            store
                .list_with_delimiter(Some(&Path::from("up")))
                .await
                .expect("level")
                .objects
                .is_empty()
        );
    }
}
