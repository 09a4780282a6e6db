//! How is a real server started, watched and stopped?

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tokio::process::{Child, Command};

use crate::{Failure, small::lake};

/// A running server.
pub struct Server {
    /// Address of the REST door.
    pub http: String,
    child: Child,
}

impl Server {
    /// Starts the binary on the lake in `directory`; answers the time until its ready file was there, too.
    pub async fn start(binary: &str, directory: &Path) -> Result<(Self, Duration), Failure> {
        let ready_file = directory.join("ready.json");
        let log = directory.join("server.log");
        let started = Instant::now();
        let mut child = Command::new(binary)
            .arg("serve")
            .args(["--http", "127.0.0.1:0", "--management", "127.0.0.1:0"])
            .arg("--data")
            .arg(directory.join("data"))
            .arg("--apply")
            .arg(directory.join("lake"))
            .arg("--ready-file")
            .arg(&ready_file)
            .env("BENCH_ANALYST_KEY", lake::ANALYST_KEY)
            .stderr(std::fs::File::create(&log)?)
            .kill_on_drop(true)
            .spawn()?;
        while !ready_file.exists() {
            if child.try_wait()?.is_some() || started.elapsed() > Duration::from_secs(30) {
                let log = std::fs::read_to_string(&log)?;
                return Err(format!(
                    "the server did not become ready: {}",
                    log.lines().last().unwrap_or_default()
                )
                .into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let ready = started.elapsed();
        let text: serde_json::Value = serde_json::from_slice(&std::fs::read(&ready_file)?)?;
        let http = text
            .get("http")
            .and_then(serde_json::Value::as_str)
            .ok_or("no http address")?
            .to_owned();
        Ok((Self { http, child }, ready))
    }

    /// Resident memory in MB of 1,000,000 bytes.
    pub fn resident_megabytes(&self) -> Result<f64, Failure> {
        let id = self.child.id().ok_or("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .ok_or("no VmRSS")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1_024.0 / 1_000_000.0)
    }

    /// Stops it by SIGTERM and waits.
    pub async fn stop(mut self) -> Result<(), Failure> {
        let id = self.child.id().ok_or("the server has ended")?;
        Command::new("sh").args(["-c", &format!("kill {id}")]).status().await?;
        tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await??;
        Ok(())
    }
}
