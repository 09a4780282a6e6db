//! What does the process write into its log? Every event of our crates and of the engine, as text, since the first call.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
};

use tracing_subscriber::fmt::MakeWriter;

/// The text so far.
#[derive(Clone, Debug, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

static LOGS: OnceLock<Logs> = OnceLock::new();

impl Logs {
    /// Begins to collect, once for all tests of the process.
    pub fn collect() -> Self {
        let logs = LOGS.get_or_init(|| {
            let logs = Self::default();
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::DEBUG)
                .with_ansi(false)
                .with_writer(logs.clone())
                .finish();
            tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
            logs
        });
        logs.clone()
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.0.lock().expect("a lock").len()
    }

    /// Nothing yet?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lines after so many bytes that hold a text.
    pub fn lines_with(&self, text: &str, after: usize) -> Vec<String> {
        let bytes = self.0.lock().expect("a lock");
        let all = String::from_utf8_lossy(&bytes[after..]);
        all.lines()
            .filter(|line| line.contains(text))
            .map(str::to_owned)
            .collect()
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
