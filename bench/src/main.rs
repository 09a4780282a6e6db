//! How fast, against whom? `lakegate-bench [small|decisions|governed|parquet|dynamodb|postgres …]`; without a word the first four, which need no database
//! server.
//!
//! Prints Markdown tables; `docs/benchmarks.md` keeps them with machine and command. A benchmark, not a timed test.

mod decisions;
mod dynamodb;
mod governed;
mod parquet;
mod postgres;
mod race;
mod server;
mod small;
mod times;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let named = |name: &str| asked.iter().any(|word| word == name);
    let wanted = |name: &str| asked.is_empty() || named(name);
    let binary = || std::env::var("LAKEGATE_BIN").map_err(|_| "set LAKEGATE_BIN to the release binary");
    if wanted("small") {
        small::run(&binary()?).await?;
    }
    if wanted("decisions") {
        decisions::run()?;
    }
    if wanted("governed") {
        governed::run(&binary()?).await?;
    }
    if wanted("parquet") {
        parquet::run(&binary()?).await?;
    }
    if named("dynamodb") {
        dynamodb::run().await?;
    }
    if named("postgres") {
        postgres::run(&binary()?).await?;
    }
    Ok(())
}
