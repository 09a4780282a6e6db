//! Who must be told that the doors are open? Whoever reads this file: written whole or not at all, gone when we are.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The file, removed when dropped.
#[derive(Debug)]
pub struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Writes the addresses of the open doors; closed ones are null.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(path: &Path, http: SocketAddr, management: SocketAddr) -> io::Result<Self> {
        let text = serde_json::json!({
            "pid": std::process::id(),
            "http": http.to_string(),
            "management": management.to_string(),
            "flight": null,
            "postgres": null,
        });
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", std::process::id()));
        let new = path.with_file_name(name);
        fs::write(&new, format!("{text}\n"))?;
        fs::rename(&new, path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_and_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ready.json");
        let file = ReadyFile::write(&path, "127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()).unwrap();
        let text: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(text["http"], "127.0.0.1:1");
        assert_eq!(text["flight"], serde_json::Value::Null);
        drop(file);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
