//! What is the secret behind a reference? `env://NAME` and `file://PATH`, resolved at use by the server.
//!
//! Deliberately no cache: both are local. References cannot reach the server's own settings or arbitrary files: an
//! allow-list of folders holds for everything that was not given on the server's command line.

use std::path::{Component, Path, PathBuf};

use lakegate_query::connection::SecretSource;

use super::environment::Environment;
use crate::master_key::KeyPlace;

/// References of the process that runs this server.
#[derive(Clone, Debug)]
pub struct LocalSecrets {
    environment: Environment,
    /// Folders below which `file://` may point when no directory of an applied file vouches for it.
    roots: Vec<PathBuf>,
    /// The server's own keys, which no connection gets.
    own: Vec<KeyPlace>,
}

impl LocalSecrets {
    /// Secrets of this environment and of files below `roots`.
    #[must_use]
    pub fn new(environment: Environment, roots: Vec<PathBuf>, master_key: KeyPlace) -> Self {
        Self {
            environment,
            roots,
            own: vec![master_key],
        }
    }

    /// The same, which also keeps another key of the server to itself.
    #[must_use]
    pub fn withholding(mut self, key: KeyPlace) -> Self {
        self.own.push(key);
        self
    }

    fn variable(&self, name: &str) -> Result<String, String> {
        if name.starts_with("LAKEGATE__") || self.own.contains(&KeyPlace::Variable(name.to_owned())) {
            return Err(format!("`env://{name}` is a setting of the server, not a secret"));
        }
        self.environment
            .get(name)
            .map(str::to_owned)
            .ok_or_else(|| format!("the environment variable `{name}` is not set"))
    }

    fn file(&self, path: &str, directory: Option<&Path>) -> Result<String, String> {
        let path = Path::new(path);
        if path.components().any(|part| part == Component::ParentDir) {
            return Err("a secret's path must not contain `..`".to_owned());
        }
        let full = match directory {
            Some(directory) => directory.join(path),
            None if self.roots.iter().any(|root| path.starts_with(root)) => path.to_owned(),
            None => return Err("the file is not below `sources.secret_roots` of the configuration".to_owned()),
        };
        if self.is_own(&full) {
            return Err("the file holds the server's own key, not a secret".to_owned());
        }
        let text = std::fs::read_to_string(&full)
            .map_err(|error| format!("the secret's file cannot be read: {}", error.kind()))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl LocalSecrets {
    /// However the path leads there: links are followed.
    fn is_own(&self, path: &Path) -> bool {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let path = real(path);
        self.own
            .iter()
            .any(|own| matches!(own, KeyPlace::File(file) if real(file) == path))
    }
}

impl SecretSource for LocalSecrets {
    /// `directory`: the folder of the file that holds the reference, where the operator applied it at the start.
    fn resolve(&self, reference: &str, directory: Option<&Path>) -> Result<String, String> {
        match reference.split_once("://") {
            Some(("env", name)) => self.variable(name),
            Some(("file", path)) => self.file(path, directory),
            Some((scheme, _)) => Err(format!("secrets from `{scheme}://` are not supported")),
            None => Err("a secret is given by reference: `env://NAME` or `file://PATH`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_variables_and_files() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("key"), "s3cret\n").unwrap();
        let secrets = LocalSecrets::new(
            Environment::of([("STORE_KEY", "k"), ("LAKEGATE__X__Y", "z"), ("MASTER", "m")]),
            Vec::new(),
            KeyPlace::Variable("MASTER".to_owned()),
        );
        assert_eq!(secrets.resolve("env://STORE_KEY", None).unwrap(), "k");
        assert_eq!(secrets.resolve("file://key", Some(directory.path())).unwrap(), "s3cret");
        assert!(secrets.resolve("env://LAKEGATE__X__Y", None).is_err());
        assert!(secrets.resolve("env://OTHER", None).is_err());
        assert!(secrets.resolve("file:///etc/hostname", None).is_err());
        assert!(secrets.resolve("file://../key", Some(directory.path())).is_err());
        assert!(secrets.resolve("vault://a/b", None).is_err());
        assert!(secrets.resolve("literal", None).is_err());
        assert!(secrets.resolve("env://MASTER", None).is_err());
    }

    #[test]
    fn no_connection_gets_the_master_key() {
        let directory = tempfile::tempdir().unwrap();
        let master = directory.path().join("master.key");
        std::fs::write(&master, "0f").unwrap();
        std::fs::write(directory.path().join("password"), "p").unwrap();
        std::os::unix::fs::symlink(&master, directory.path().join("link")).unwrap();
        let secrets = LocalSecrets::new(
            Environment::of([("X", "y")]),
            vec![directory.path().to_owned()],
            KeyPlace::File(master),
        );
        let file = |name: &str| format!("file://{}", directory.path().join(name).display());
        assert_eq!(secrets.resolve(&file("password"), None).unwrap(), "p");
        for name in ["master.key", "link"] {
            assert!(secrets.resolve(&file(name), None).is_err(), "{name}");
            assert!(
                secrets
                    .resolve(&format!("file://{name}"), Some(directory.path()))
                    .is_err()
            );
        }
    }
    #[test]
    fn no_connection_gets_another_key_of_the_server() {
        let directory = tempfile::tempdir().unwrap();
        let signing = directory.path().join("audit.key");
        std::fs::write(&signing, "k").unwrap();
        let master = KeyPlace::Variable("MASTER".to_owned());
        let variables = Environment::of([("AUDIT", "k"), ("MASTER", "m"), ("X", "y")]);
        let plain = LocalSecrets::new(variables, vec![directory.path().to_owned()], master);
        let file = format!("file://{}", signing.display());
        for (place, reference) in [
            (KeyPlace::Variable("AUDIT".to_owned()), "env://AUDIT"),
            (KeyPlace::File(signing.clone()), file.as_str()),
        ] {
            assert!(plain.resolve(reference, None).is_ok(), "{reference}");
            let secrets = plain.clone().withholding(place);
            assert!(secrets.resolve(reference, None).is_err(), "{reference}");
            assert!(secrets.resolve("env://MASTER", None).is_err());
            assert_eq!(secrets.resolve("env://X", None).unwrap(), "y");
        }
    }
}
