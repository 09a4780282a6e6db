//! What does governance cost? TPC-H queries through the server, with a row filter and two masks, against the same queries
//! with filter and masks written out in SQL.

mod lake;
mod queries;

use std::path::PathBuf;

use self::queries::{QUERIES, TABLES};
use crate::{Failure, race::Race, server::Server};

/// Measures and prints a table. `LAKEGATE_TPCH` is a directory of `TABLE.parquet` of scale factor 1.
pub async fn run(binary: &str) -> Result<(), Failure> {
    let data = PathBuf::from(std::env::var("LAKEGATE_TPCH").map_err(|_| "set LAKEGATE_TPCH to the files of TPC-H")?);
    let directory = tempfile::tempdir()?;
    lake::write(directory.path(), &data)?;
    let (server, _) = Server::start(binary, directory.path()).await?;
    let race = Race {
        server: &server,
        key: lake::KEY,
        data: &data,
        tables: TABLES,
    };
    race.run(QUERIES).await?;
    server.stop().await
}
