//! How is DuckDB asked? A process of its own answers each line of SQL with rows and seconds.

use std::{process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::Failure;

const SCRIPT: &str = include_str!("peer.py");

/// The running peer.
pub struct Peer {
    _child: Child,
    asked: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// Fills the table from a file.
pub async fn load(python: &str, file: &str) -> Result<(), Failure> {
    let status = Command::new(python).args(["-c", SCRIPT, "load", file]).status().await?;
    if status.success() {
        Ok(())
    } else {
        Err("the table could not be filled".into())
    }
}

impl Peer {
    /// Starts it.
    pub fn start(python: &str) -> Result<Self, Failure> {
        let mut child = Command::new(python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let asked = child.stdin.take().ok_or("no standard input")?;
        let answers = child.stdout.take().ok_or("no standard output")?;
        Ok(Self {
            _child: child,
            asked,
            answers: BufReader::new(answers).lines(),
        })
    }

    /// Rows, and the time until the last one.
    pub async fn ask(&mut self, sql: &str) -> Result<(usize, Duration), Failure> {
        self.asked.write_all(format!("{sql}\n").as_bytes()).await?;
        let line = self.answers.next_line().await?.ok_or("DuckDB has ended")?;
        let (rows, seconds) = line.split_once(' ').ok_or("not an answer")?;
        Ok((rows.parse()?, Duration::from_secs_f64(seconds.parse()?)))
    }
}
