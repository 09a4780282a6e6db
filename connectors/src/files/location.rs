//! Where may files lie? Roots and locations are resolved here; a location is a name, never a pattern, and never leaves its
//! root.

use std::{
    path::{Component, PathBuf},
    sync::Arc,
    time::Duration,
};

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::{BackoffConfig, ObjectStore, RetryConfig, aws::AmazonS3Builder, path::Path};

use super::local::LocalRoot;
use crate::{
    connection::Connection,
    error::{ConnectorError, ConnectorErrorKind, Result},
};

/// A parsed root.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Root {
    S3 {
        bucket: String,
        prefix: Vec<String>,
    },
    /// Canonical directory below one of the connection's `local_roots`.
    Local(PathBuf),
}

/// The root of a connection, checked.
///
/// # Errors
/// `SOURCE_INVALID_REQUEST` if `root` is missing or malformed, `SOURCE_ACCESS_DENIED` if it lies outside the allowed local
/// roots, `SOURCE_UNAVAILABLE` if a local directory is not there.
pub(crate) fn root(connection: &Connection) -> Result<Root> {
    let text = connection.required_text("root")?;
    if let Some(rest) = text.strip_prefix("s3://") {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(invalid("root names no bucket", text));
        }
        return Ok(Root::S3 {
            bucket: bucket.to_owned(),
            prefix: segments(prefix)?,
        });
    }
    let path = text.strip_prefix("file://").unwrap_or(text);
    if path.contains("://") {
        return Err(
            ConnectorError::unsupported("a root other than `s3://…` or a local directory")
                .with_detail(format!("`{text}`")),
        );
    }
    local_root(connection, PathBuf::from(path)).map(Root::Local)
}

fn local_root(connection: &Connection, path: PathBuf) -> Result<PathBuf> {
    let path = match (&connection.directory, path.is_absolute()) {
        (_, true) => path,
        (Some(directory), false) => directory.join(path),
        (None, false) => {
            return Err(invalid(
                "a relative root needs the directory of its lake file",
                &path.to_string_lossy(),
            ));
        }
    };
    let canonical = path
        .canonicalize()
        .map_err(|error| unreachable_root(error).with_file(path.to_string_lossy()))?;
    let allowed = connection
        .local_roots
        .iter()
        .filter_map(|root| root.canonicalize().ok());
    if allowed.into_iter().any(|root| canonical.starts_with(root)) {
        return Ok(canonical);
    }
    Err(ConnectorError::new(
        ConnectorErrorKind::AccessDenied,
        "the root directory lies outside the allowed local roots",
    )
    .with_file(path.to_string_lossy()))
}

/// The directory may come back, with its disk or its volume: like any source that is away.
pub(super) fn unreachable_root(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    let message = "the root directory of the connection is not there: make it, or correct `root`";
    ConnectorError::new(ConnectorErrorKind::Unavailable, message).with_source(error)
}

/// Absolute form of a table's or partition's location.
///
/// `database` is the location of its database, if that has one. Relative locations resolve below the database's, and that
/// below the connection's root; absolute ones (`s3://bucket/…`, `/directory/…`, `file:///…`) must lie below the root.
///
/// # Errors
/// `SOURCE_INVALID_REQUEST` for `.`, `..` (percent-encoded ones too) and control characters, `SOURCE_ACCESS_DENIED` for what
/// lies outside the root, and those of the root itself.
pub fn resolve_location(connection: &Connection, database: Option<&str>, location: &str) -> Result<String> {
    let root = root(connection)?;
    let base = database.map_or(Ok(Vec::new()), |database| relative(connection, &root, &[], database))?;
    let path = relative(connection, &root, &base, location)?.join("/");
    Ok(match &root {
        Root::S3 { bucket, prefix } => {
            let prefix = prefix.join("/");
            let parts: Vec<&str> = [prefix.as_str(), path.as_str()]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect();
            format!("s3://{bucket}/{}", parts.join("/"))
        }
        Root::Local(directory) if path.is_empty() => directory.to_string_lossy().into_owned(),
        Root::Local(directory) => format!("{}/{path}", directory.to_string_lossy()),
    })
}

/// Segments of `location` below the root.
fn relative(connection: &Connection, root: &Root, base: &[String], location: &str) -> Result<Vec<String>> {
    let below = match root {
        Root::S3 { bucket, prefix } => match location.strip_prefix("s3://") {
            Some(rest) => {
                let (named, path) = rest.split_once('/').unwrap_or((rest, ""));
                let path = segments(path)?;
                let below = path.strip_prefix(prefix.as_slice()).filter(|_| named == bucket);
                Some(below.ok_or_else(|| outside(location))?.to_vec())
            }
            None => None,
        },
        Root::Local(directory) => {
            let path = location.strip_prefix("file://").unwrap_or(location);
            if path.starts_with('/') {
                Some(below_directory(connection, directory, path)?)
            } else {
                None
            }
        }
    };
    match below {
        Some(below) => Ok(below),
        None if location.contains("://") => Err(outside(location)),
        None => Ok([base, &segments(location)?].concat()),
    }
}

fn below_directory(connection: &Connection, directory: &std::path::Path, path: &str) -> Result<Vec<String>> {
    segments(path)?;
    let given = std::path::Path::new(path);
    // The root as it was written counts as the root too: it may lead through a symbolic link.
    let written = connection
        .required_text("root")
        .map(|root| PathBuf::from(root.strip_prefix("file://").unwrap_or(root)))?;
    let below = given
        .strip_prefix(directory)
        .or_else(|error| {
            if written.is_absolute() {
                given.strip_prefix(&written)
            } else {
                Err(error)
            }
        })
        .map_err(|_| outside(path))?;
    below
        .components()
        .map(|part| match part {
            Component::Normal(part) => part
                .to_str()
                .map(ToOwned::to_owned)
                .ok_or_else(|| invalid("a location is not UTF-8", path)),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => Err(outside(path)),
        })
        .collect()
}

/// Path segments of a location, `.` and `..` in any spelling refused.
fn segments(path: &str) -> Result<Vec<String>> {
    let mut segments = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let decoded = super::partition::percent_decode(segment);
        let dots = matches!(decoded.as_str(), "." | "..") || matches!(segment, "." | "..");
        if dots || segment.chars().any(char::is_control) || decoded.chars().any(char::is_control) {
            return Err(invalid(
                "a location must not hold `.`, `..` or control characters",
                path,
            ));
        }
        segments.push(segment.to_owned());
    }
    Ok(segments)
}

/// Path of an absolute location inside the store of its connection.
pub(crate) fn store_path(connection: &Connection, location: &str) -> Result<Path> {
    let root = root(connection)?;
    let below = relative(connection, &root, &[], location)?;
    let path = match &root {
        Root::S3 { prefix, .. } => [prefix.as_slice(), &below].concat().join("/"),
        Root::Local(_) => below.join("/"),
    };
    Path::parse(path).map_err(|error| invalid("a location is not valid", location).with_source(error))
}

/// The store of a connection: the bucket of an S3 root, the directory of a local one.
///
/// # Errors
/// Those of the root, `SOURCE_UNAUTHENTICATED` for half a credential, `SOURCE_INVALID_REQUEST` for options that the client
/// refuses.
pub fn open_store(connection: &Connection) -> Result<Arc<dyn ObjectStore>> {
    match root(connection)? {
        Root::Local(directory) => Ok(Arc::new(LocalRoot::open(directory)?)),
        Root::S3 { bucket, .. } => Ok(Arc::new(s3(connection, &bucket)?)),
    }
}

fn s3(connection: &Connection, bucket: &str) -> Result<object_store::aws::AmazonS3> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(connection.text("region")?.unwrap_or("us-east-1"))
        .with_virtual_hosted_style_request(!connection.flag("path_style")?.unwrap_or(false))
        .with_retry(retries());
    if let Some(endpoint) = connection.text("endpoint")? {
        builder = builder
            .with_endpoint(endpoint)
            .with_allow_http(endpoint.starts_with("http://"));
    }
    let credential = &connection.credential;
    if credential.is_empty() {
        builder = builder.with_skip_signature(true);
    } else {
        builder = builder
            .with_access_key_id(credential.required("access_key_id")?)
            .with_secret_access_key(credential.required("secret_access_key")?);
        if let Some(token) = credential.expose("session_token") {
            builder = builder.with_token(token);
        }
    }
    builder.build().map_err(|error| {
        ConnectorError::new(
            ConnectorErrorKind::InvalidRequest,
            "the options of the connection are not valid",
        )
        .with_source(error)
    })
}

/// How often a request is made again that the store refuses for now (429, 5xx) or does not answer. Who gives up the query gives up
/// the pauses too.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 8,
        retry_timeout: Duration::from_secs(60),
    }
}

/// URL under which the engine registers the store of this version of this connection.
///
/// # Errors
/// `CONNECTOR_INTERNAL` if the id cannot be part of a URL.
pub fn store_url(connection: &Connection) -> Result<ObjectStoreUrl> {
    let id: String = connection
        .id
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || byte == b'-' {
                char::from(byte).to_string()
            } else {
                format!("_{byte:02x}")
            }
        })
        .collect();
    ObjectStoreUrl::parse(format!("lakegate-files://{id}.v{}", connection.version)).map_err(|error| {
        ConnectorError::new(ConnectorErrorKind::Internal, "the connection has no valid id").with_source(error)
    })
}

fn invalid(message: &str, location: &str) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::InvalidRequest, message).with_detail(format!("`{location}`"))
}

fn outside(location: &str) -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::AccessDenied,
        "a location lies outside the root of its connection",
    )
    .with_detail(format!("`{location}`"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn s3_connection() -> Connection {
        let options = BTreeMap::from([("root".to_owned(), "s3://lake/base/".into())]);
        Connection {
            id: "c1".into(),
            version: 3,
            kind: "files".into(),
            options,
            ..Connection::default()
        }
    }

    #[test]
    fn locations_resolve_below_the_root() {
        let connection = s3_connection();
        let resolve = |database, location| resolve_location(&connection, database, location);
        assert_eq!(
            resolve(Some("sales/"), "orders/").expect("location"),
            "s3://lake/base/sales/orders"
        );
        assert_eq!(resolve(None, "s3://lake/base/x").expect("location"), "s3://lake/base/x");
        assert_eq!(resolve(None, "a*b[1]").expect("location"), "s3://lake/base/a*b[1]");
        for bad in [
            "../x",
            "a/%2e%2e/b",
            "a/%2E./b",
            "s3://lake/other",
            "s3://else/base/x",
            "gs://lake/base",
            "a/./b",
            "a\nb",
        ] {
            assert!(resolve(None, bad).is_err(), "{bad}");
        }
        assert_eq!(
            store_path(&connection, "s3://lake/base/a%20b").expect("path").as_ref(),
            "base/a%20b"
        );
        assert_eq!(store_url(&connection).expect("url").as_str(), "lakegate-files://c1.v3/");
    }

    #[test]
    fn a_local_root_must_be_allowed() {
        let directory = tempfile::tempdir().expect("directory");
        let mut connection = s3_connection();
        connection
            .options
            .insert("root".into(), directory.path().to_str().expect("path").into());
        assert_eq!(
            root(&connection).expect_err("denied").kind(),
            ConnectorErrorKind::AccessDenied
        );
        connection.local_roots = vec![directory.path().to_owned()];
        assert!(root(&connection).is_ok());
        let missing = directory.path().join("missing");
        let name = missing.to_str().expect("path").to_owned();
        connection.options.insert("root".into(), name.as_str().into());
        let away = root(&connection).expect_err("away");
        assert_eq!(
            (away.kind(), away.file()),
            (ConnectorErrorKind::Unavailable, Some(name.as_str()))
        );
        connection
            .options
            .insert("root".into(), directory.path().to_str().expect("path").into());
        let outside = resolve_location(&connection, None, "/etc").expect_err("outside");
        assert_eq!(outside.kind(), ConnectorErrorKind::AccessDenied);
    }
}
