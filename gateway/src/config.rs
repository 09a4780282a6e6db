//! How is this server set up? Typed, sectioned, closed; read once; sections are passed down, never the whole.
//!
//! Precedence: flag > `LAKEGATE__SECTION__KEY` > `LAKEGATE__SECTION__KEY_FILE` > file > default. What changes while the
//! server runs (connections, policies, people) is catalog data and never here.

// sorted: start
pub mod audit;
pub mod auth;
pub mod database;
pub mod drain;
pub mod environment;
pub mod http;
pub mod master_key;
pub mod metering;
pub mod query;
pub mod secrets;
pub mod settings;
pub mod sources;
pub mod telemetry;
mod toml_file;
// sorted: end

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

pub use self::settings::{Origin, Problem, Setting};
use self::{environment::Environment, settings::Settings};

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub audit: audit::Audit,
    pub auth: auth::Auth,
    pub database: database::Database,
    pub drain: drain::Drain,
    pub http: http::Http,
    pub management: http::Management,
    pub metering: metering::Metering,
    pub query: query::Query,
    pub results: query::Results,
    pub secrets: master_key::Secrets,
    pub sources: sources::Sources,
    pub telemetry: telemetry::Telemetry,
    /// Where state is kept; from `--data` only, since `DIR/lakegate.toml` is read from it.
    pub data: PathBuf,
}

/// Where to read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--config`; absent: `DIR/lakegate.toml` if it exists.
    pub file: Option<PathBuf>,
    /// Dotted path (`http.listen`) → value of a flag.
    pub flags: BTreeMap<&'static str, String>,
    pub environment: Environment,
}

/// What holds, and where each setting came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    pub settings: Vec<Setting>,
}

/// All problems of a configuration.
#[derive(Debug)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Name of the data directory if nothing else is said.
pub const DEFAULT_DATA: &str = "lakegate-data";

/// Reads the configuration.
///
/// # Errors
/// All problems at once.
pub fn load(sources: Sources) -> Result<Loaded, ConfigError> {
    let data = sources.data.unwrap_or_else(|| PathBuf::from(DEFAULT_DATA));
    // Paths are compared, and must hold wherever the process goes.
    let data = std::path::absolute(&data).unwrap_or(data);
    let mut settings = Settings::default();
    if let Some(path) = sources
        .file
        .or_else(|| Some(data.join("lakegate.toml")).filter(|path| path.exists()))
    {
        read_file(&path, &mut settings);
    }
    settings.add_environment(&sources.environment);
    for (path, value) in sources.flags {
        settings.add_flag(path, value);
    }
    let config = Config::read(&mut settings, data);
    let (settings, problems) = settings.finish();
    if problems.is_empty() {
        Ok(Loaded { config, settings })
    } else {
        Err(ConfigError(problems))
    }
}

impl Config {
    /// Reads every section; problems stay with `settings`.
    fn read(settings: &mut Settings, data: PathBuf) -> Self {
        http::refuse_other_doors(settings);
        Self {
            audit: audit::Audit::read(settings),
            auth: auth::Auth::read(settings),
            database: database::Database::read(settings, &data),
            drain: drain::Drain::read(settings),
            http: http::Http::read(settings),
            management: http::Management::read(settings),
            metering: metering::Metering::read(settings),
            query: query::Query::read(settings),
            results: query::Results::read(settings),
            secrets: master_key::Secrets::read(settings),
            sources: sources::Sources::read(settings, &data),
            telemetry: telemetry::Telemetry::read(settings),
            data,
        }
    }
}

fn read_file(path: &Path, settings: &mut Settings) {
    match std::fs::read_to_string(path) {
        Ok(text) => toml_file::read(path, &text, settings),
        Err(error) => settings.complain(Problem {
            origin: Origin::File {
                path: path.to_owned(),
                line: 0,
            },
            message: format!("the file cannot be read: {error}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(
        text: &str,
        environment: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Result<Loaded, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("lakegate.toml"), text).unwrap();
        load(Sources {
            data: Some(directory.path().to_owned()),
            file: None,
            flags: flags.iter().map(|(path, value)| (*path, (*value).to_owned())).collect(),
            environment: Environment::of(environment.iter().copied()),
        })
    }

    fn defaults() -> Config {
        load(Sources {
            data: Some(PathBuf::from("/nowhere")),
            ..Sources::default()
        })
        .unwrap()
        .config
    }

    #[test]
    fn the_example_equals_the_defaults() {
        let text = include_str!("../config.example.toml");
        let mut config = load_text(text, &[], &[]).unwrap().config;
        let data = config.data.clone();
        config.data = PathBuf::from("/nowhere");
        config.database.url = config.database.url.replace(&data.display().to_string(), "/nowhere");
        for root in &mut config.sources.local_roots {
            *root = PathBuf::from("/nowhere").join(root.strip_prefix(&data).unwrap());
        }
        assert_eq!(config, defaults());
    }

    #[test]
    fn the_example_names_every_setting_and_its_comments_parse() {
        let text = include_str!("../config.example.toml");
        let known = load_text(text, &[], &[]).unwrap().settings;
        for setting in known {
            let key = setting.path.rsplit('.').next().unwrap_or_default().to_owned();
            let named = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{key} ="));
            assert!(
                text.lines().any(named) || text.contains(&format!("# [[{}]]", setting.path)),
                "{}",
                setting.path
            );
        }
        let code = |line: &&str| {
            line.starts_with("# [")
                || line.split_once(" = ").is_some_and(|(key, _)| {
                    key.starts_with("# ") && key[2..].chars().all(|c| c.is_ascii_lowercase() || c == '_')
                })
        };
        let open = text.lines().map(|line| {
            if code(&line) {
                line.trim_start_matches("# ")
            } else {
                line
            }
        });
        let open = open
            .filter(|line| !line.starts_with("listen = \"off\""))
            .collect::<Vec<_>>()
            .join("\n");
        load_text(&open, &[], &[]).unwrap();
    }

    #[test]
    fn flags_win_over_environment_over_file() {
        let file = "[http]\nlisten = \"127.0.0.1:1\"\n";
        let environment = [("LAKEGATE__HTTP__LISTEN", "127.0.0.1:2")];
        assert_eq!(load_text(file, &[], &[]).unwrap().config.http.listen.port(), 1);
        assert_eq!(load_text(file, &environment, &[]).unwrap().config.http.listen.port(), 2);
        let flag = [("http.listen", "127.0.0.1:3")];
        assert_eq!(
            load_text(file, &environment, &flag).unwrap().config.http.listen.port(),
            3
        );
    }

    #[test]
    fn a_secret_may_come_from_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("url");
        std::fs::write(&path, "postgres://u:p@h/d\n").unwrap();
        let loaded = load_text("", &[("LAKEGATE__DATABASE__URL_FILE", path.to_str().unwrap())], &[]).unwrap();
        assert_eq!(loaded.config.database.url, "postgres://u:p@h/d");
        assert!(!format!("{:?} {:?}", loaded.config, loaded.settings).contains("u:p@h"));
    }

    #[test]
    fn all_problems_come_at_once_with_lines() {
        let text = "[http]\nlisten = \"nowhere\"\n\n[query]\ntimeout_seconds = -1\ntimeout_second = 3\n\n[flight]\nlisten = \"127.0.0.1:8082\"\n";
        let error = load_text(text, &[("LAKEGATE__DRAIN__DELAY", "1")], &[])
            .unwrap_err()
            .to_string();
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines.len(), 5, "{error}");
        assert!(error.contains("lakegate.toml:2: `http.listen`"), "{error}");
        assert!(error.contains("lakegate.toml:5: `query.timeout_seconds`"), "{error}");
        assert!(
            error
                .contains("lakegate.toml:6: unknown key `query.timeout_second`; did you mean `query.timeout_seconds`?"),
            "{error}"
        );
        assert!(error.contains("lakegate.toml:9: `flight.listen`"), "{error}");
        assert!(
            error.contains("LAKEGATE__DRAIN__DELAY: unknown key `drain.delay`; did you mean `drain.delay_seconds`?"),
            "{error}"
        );
    }

    #[test]
    fn broken_toml_names_the_line() {
        let error = load_text("[http]\nlisten = \n", &[], &[]).unwrap_err().to_string();
        assert!(error.contains("lakegate.toml:2:"), "{error}");
    }
}
