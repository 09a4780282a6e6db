//! Which lake do tests of files read? One database whose tables `sam` may read without restriction.

use lakegate::lake::{ApplyError, ApplyReport};
use lakegate_tests::world::World;

/// Declares tables (lines below `tables:`, each `NAME: {…}`) of database `lake.t` at `data/t/`.
pub async fn declare(world: &World, tables: &[(&str, &str)]) -> Result<ApplyReport, ApplyError> {
    let mut yaml = "lake: plain\nconnections:\n  files: {connector: files, options: {root: \"./data\"}}\ncatalogs:\n  lake: \
                    {connection: files, default: true}\ndatabases:\n  lake.t: {location: \"t/\"}\nusers:\n  sam: {}\ngrants:\n  \
                    - {to: \"user:sam\", privileges: [describe, select, read-stats], resource: \"database:lake.t\"}\ntables:\n"
        .to_owned();
    for (name, entry) in tables {
        yaml.push_str(&format!("  lake.t.{name}: {{{entry}}}\n"));
    }
    world.try_apply(&yaml, "").await
}

/// A lake with one table `x` whose files were written by `write`.
pub async fn table(entry: &str, write: impl FnOnce(&World)) -> World {
    let world = World::new().await;
    write(&world);
    if let Err(error) = declare(&world, &[("x", entry)]).await {
        panic!("{entry}: {error}");
    }
    world
}
