//! How are the binary and a server for it run? In a directory of their own, with an environment that holds nothing else.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
pub const ANA: &str = "ana-key-0123456789-0123456789-0123456789";
pub const BOB: &str = "bob-key-0123456789-0123456789-0123456789";

/// Six orders; ana sees those of the EU without their notes, bob sees nothing.
const LAKE: &str = r#"lake: acme
connections:
  store: {connector: files, options: {root: "./files"}}
catalogs:
  lake: {connection: store, default: true}
databases:
  lake.sales: {location: "sales/"}
tables:
  lake.sales.orders:
    format: csv
    location: "orders/"
    columns: [{name: id, type: bigint}, {name: region, type: varchar}, {name: total, type: "decimal(12,2)"}, {name: note, type: varchar}]
    filters:
      eu: {where: "region = 'eu'", except: [note]}
  lake.sales.secrets:
    format: csv
    location: "orders/"
    columns: [{name: id, type: bigint}]
users:
  ana: {kind: human}
  bob: {kind: human}
keys:
  ana: {user: ana, secret: "env://ANA_KEY"}
  bob: {user: bob, secret: "env://BOB_KEY"}
grants:
  - {to: "user:ana", privileges: [select-filtered], resource: "filter:lake.sales.orders/eu"}
"#;
const ORDERS: &str = "id,region,total,note\n\
    9007199254740993,eu,10.50,a\n2,us,20.00,b\n3,eu,0.01,c\n4,us,5.00,d\n5,eu,,e\n6,ap,7.00,f\n";

/// What a run of the binary left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails unless the command ended so.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            code,
            "{} | {}",
            String::from_utf8_lossy(&self.stdout),
            self.stderr
        );
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The binary with no more environment than it is given.
pub fn binary(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate"));
    command.env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs the binary without a server.
pub fn lakegate(arguments: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    binary(&[("HOME", home.path().to_str().unwrap())])
        .args(arguments)
        .output()
        .unwrap()
        .into()
}

/// A server on the tiny lake, and the profiles `ana`, `bob` and `admin` for it.
pub struct Lake {
    directory: TempDir,
    child: Child,
    pub url: String,
}

impl Lake {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let lake = directory.path().join("lake");
        fs::create_dir_all(lake.join("files/sales/orders")).unwrap();
        fs::write(lake.join("lake.yaml"), LAKE).unwrap();
        fs::write(lake.join("files/sales/orders/one.csv"), ORDERS).unwrap();
        let (child, url) = serve(directory.path());
        let profile = |name: &str, token: &str| format!("[profile.{name}]\nurl = \"{url}\"\ntoken = \"{token}\"\n");
        let admin = format!("[profile.admin]\nurl = \"{url}\"\ntoken_file = \"data/admin.key\"\n");
        fs::write(
            directory.path().join("profiles.toml"),
            profile("ana", ANA) + &profile("bob", BOB) + &admin,
        )
        .unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(directory.path().join("profiles.toml"), mode).unwrap();
        Self { directory, child, url }
    }

    /// A file of the test's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let profiles = self.path("profiles.toml");
        let home = self.path("");
        let mut command = binary(&[
            ("HOME", home.to_str().unwrap()),
            ("LAKEGATE_CONFIG", profiles.to_str().unwrap()),
        ]);
        command.args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs with a text on the standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// Runs a statement as ana.
    pub fn sql(&self, sql: &str, more: &[&str]) -> Ran {
        self.run(&[&["sql", "--as", "ana", "-e", sql], more].concat())
    }
}

impl Drop for Lake {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(directory: &Path) -> (Child, String) {
    let (ready, log) = (directory.join("ready.json"), directory.join("log"));
    let mut command = binary(&[
        ("ANA_KEY", ANA),
        ("BOB_KEY", BOB),
        ("LAKEGATE__DRAIN__DELAY_SECONDS", "0"),
    ]);
    command.args([
        "serve",
        "--http",
        "127.0.0.1:0",
        "--management",
        "127.0.0.1:0",
        "--data",
    ]);
    command
        .arg(directory.join("data"))
        .arg("--apply")
        .arg(directory.join("lake"))
        .arg("--ready-file")
        .arg(&ready);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while !ready.exists() {
        let ended = child.try_wait().unwrap();
        let waits = ended.is_none() && begin.elapsed() < PATIENCE;
        assert!(waits, "{ended:?}: {}", fs::read_to_string(&log).unwrap());
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let ready: Value = serde_json::from_slice(&fs::read(&ready).unwrap()).unwrap();
    (child, format!("http://{}", ready["http"].as_str().unwrap()))
}
