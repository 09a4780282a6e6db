//! Where is the demo, and where does it keep what it makes?

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::cli::failure::{Failure, Result};

/// Present in every demo folder.
const MARK: &str = "expected.json";
const PROFILES: &str = "profiles.toml";

/// The demo's folder, and its own data directory.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    data: PathBuf,
}

/// The folder that was named, or the nearest `demo`: here, above, or above the binary.
pub(super) fn find_demo(named: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(folder) = named {
        return if folder.join(MARK).is_file() {
            absolute(&folder)
        } else {
            Err(Failure::usage(format!(
                "{} is no demo folder: it has no {MARK}",
                folder.display()
            )))
        };
    }
    let here = std::env::current_dir().ok();
    let binary = std::env::current_exe().ok();
    let starts = here.iter().chain(&binary).flat_map(|start| start.ancestors());
    let found = starts
        .map(|folder| folder.join("demo"))
        .find(|folder| folder.join(MARK).is_file());
    found.ok_or_else(|| Failure::usage("there is no demo folder here or above: name it with `--demo-dir`"))
}

impl Home {
    /// Opens the data directory; `reset` empties it first, if a demo made it.
    pub(super) fn open(folder: PathBuf, data: PathBuf, reset: bool) -> Result<Self> {
        let home = Self {
            folder,
            data: absolute(&data)?,
        };
        let failed = |error: io::Error| Failure::local(format!("{} cannot be used: {error}", home.data.display()));
        if reset && home.data.exists() {
            let empty = fs::read_dir(&home.data).map_err(failed)?.next().is_none();
            if !empty && !home.profiles().is_file() {
                let message = format!("{} was not made by a demo and is not deleted", home.data.display());
                return Err(Failure::usage(message));
            }
            fs::remove_dir_all(&home.data).map_err(failed)?;
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&home.data)
            .map_err(failed)?;
        Ok(home)
    }

    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn lake(&self) -> PathBuf {
        self.folder.join("lake")
    }

    /// A file of the demo's folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The text of a file of the demo's folder.
    pub(super) fn read(&self, name: &str) -> Result<String> {
        let path = self.file(name);
        fs::read_to_string(&path).map_err(|error| Failure::local(format!("{} cannot be read: {error}", path.display())))
    }

    /// The keys of the four, for `lakegate sql --as`.
    pub(super) fn profiles(&self) -> PathBuf {
        self.data.join(PROFILES)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.data.join("server.log")
    }

    pub(super) fn ready_file(&self) -> PathBuf {
        self.data.join("ready.json")
    }

    /// Writes a file of the data directory, readable by its owner alone.
    pub(super) fn write_private(path: &Path, text: &str) -> Result<()> {
        let new = path.with_extension("new");
        let write = || {
            let _ = fs::remove_file(&new);
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(text.as_bytes())?;
            fs::rename(&new, path)
        };
        write().map_err(|error| Failure::local(format!("{} cannot be written: {error}", path.display())))
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Failure::local(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_what_a_demo_made_is_deleted() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("thesis.txt"), "years of work").unwrap();
        assert!(Home::open(PathBuf::new(), data.clone(), true).is_err());
        assert!(data.join("thesis.txt").exists());
        let home = Home::open(PathBuf::new(), data.clone(), false).unwrap();
        Home::write_private(&home.profiles(), "").unwrap();
        assert_eq!(
            fs::metadata(home.profiles()).unwrap().permissions().mode() & 0o777,
            0o600
        );
        Home::open(PathBuf::new(), data.clone(), true).unwrap();
        assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
    }
}
