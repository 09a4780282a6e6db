//! Where do rows go? To the standard output, or to a file that appears when it is complete.

use std::{
    fs::Permissions,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::failure::{Failure, Result};

/// A place for bytes.
#[derive(Debug)]
pub enum Sink {
    Stdout(io::Stdout),
    /// Written beside its final place, and moved there at the end.
    File(Box<NamedTempFile>, PathBuf),
    /// A device or pipe that exists already.
    Device(std::fs::File, PathBuf),
}

/// Did the reader take it?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Taken {
    Yes,
    /// The reader has gone away: not a failure, but there is no need to go on.
    Closed,
}

impl Sink {
    /// Opens the file, or the standard output.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Stdout(io::stdout()));
        };
        let failed = |error: io::Error| Failure::local(format!("{} cannot be written: {error}", path.display()));
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let file = std::fs::OpenOptions::new().write(true).open(path).map_err(failed)?;
            return Ok(Self::Device(file, path.to_owned()));
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".lakegate-").permissions(Permissions::from_mode(0o666));
        Ok(Self::File(
            Box::new(builder.tempfile_in(folder).map_err(failed)?),
            path.to_owned(),
        ))
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// If they cannot be written for another reason than that nobody reads them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<Taken> {
        let written = match self {
            Self::Stdout(stdout) => stdout.write_all(bytes),
            Self::File(file, _) => file.write_all(bytes),
            Self::Device(file, _) => file.write_all(bytes),
        };
        self.judge(written)
    }

    /// Nothing follows: the file gets its name.
    ///
    /// # Errors
    /// As for `write`.
    pub fn finish(mut self) -> Result<Taken> {
        let flushed = match &mut self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File(file, _) => file.flush(),
            Self::Device(file, _) => file.flush(),
        };
        let taken = self.judge(flushed)?;
        if let Self::File(file, path) = self {
            let failed = |error: tempfile::PersistError| {
                Failure::local(format!("{} cannot be written: {error}", path.display()))
            };
            file.persist(&path).map_err(failed)?;
        }
        Ok(taken)
    }

    fn judge(&self, written: io::Result<()>) -> Result<Taken> {
        match written {
            Ok(()) => Ok(Taken::Yes),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Taken::Closed),
            Err(error) => {
                let place = match self {
                    Self::Stdout(_) => "the standard output".to_owned(),
                    Self::File(_, path) | Self::Device(_, path) => path.display().to_string(),
                };
                Err(Failure::local(format!("{place} cannot be written: {error}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_it_is_complete() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows.csv");
        let mut sink = Sink::open(Some(&path)).unwrap();
        assert_eq!(sink.write(b"a\n").unwrap(), Taken::Yes);
        assert!(!path.exists());
        sink.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"a\n");
        let mut sink = Sink::open(Some(&path)).unwrap();
        sink.write(b"half").unwrap();
        drop(sink);
        assert_eq!(std::fs::read(&path).unwrap(), b"a\n");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
