//! What do the cases of one place stand on? Its lake twice, different only in what is hidden, with doors, probes and the log.

use std::sync::Arc;

use lakegate_tests::{
    fixture::{self, Hidden, Place, page},
    governance::{
        door::{Door, VARIABLES},
        logs::Logs,
        probe::Probe,
    },
    world::{Making, World},
};

/// Cases that change something set it right again: the next one stands on the same lake.
pub struct Stage {
    pub place: Place,
    /// With canaries, which have a name that no other lake of this process has.
    pub one: World,
    /// With other rows and cells where nobody but a steward may look.
    pub other: World,
    pub door: Door,
    pub other_door: Door,
    /// Of the functions in `one`.
    pub probe: Arc<Probe>,
    /// `lake.sales.nested` is there.
    pub nested: bool,
    logs: Logs,
    /// Where the log of the cases begins: before, the rows themselves were written.
    begin: usize,
}

impl Stage {
    pub async fn open(place: Place) -> Self {
        let logs = Logs::collect();
        let probe = Arc::new(Probe::default());
        let one = world(place, Hidden::Named(canary(place)), &probe).await;
        let other = world(place, Hidden::Others, &Arc::default()).await;
        let nested = page::add_nested(&one, place).await;
        page::add_nested(&other, place).await;
        Self {
            place,
            door: Door::open(&one).await,
            other_door: Door::open(&other).await,
            one,
            other,
            probe,
            nested,
            begin: logs.len(),
            logs,
        }
    }

    /// Both lakes.
    pub fn worlds(&self) -> [&World; 2] {
        [&self.one, &self.other]
    }

    /// Both doors.
    pub fn doors(&self) -> [&Door; 2] {
        [&self.door, &self.other_door]
    }

    /// The sources that governance.md §9 names; the other places are ways to lay out files.
    pub fn is_source(&self) -> bool {
        matches!(self.place, Place::Parquet | Place::Sqlite | Place::Postgres)
    }

    /// What hidden rows of `one` are called.
    pub fn canary(&self) -> &'static str {
        canary(self.place)
    }

    /// Lines of the log of all cases so far that hold this text.
    pub fn logged(&self, text: &str) -> Vec<String> {
        self.logs.lines_with(text, self.begin)
    }

    /// Catalog and database of `orders`.
    pub fn database(&self) -> (&'static str, &'static str) {
        self.place.database().split_once('.').unwrap()
    }

    /// `catalog.database.orders`.
    pub fn orders(&self) -> String {
        format!("{}.orders", self.place.database())
    }

    /// Every how many of the statements are asked here, so that the whole takes its time and no more: all of them on sources.
    pub fn share<T>(&self, all: impl Iterator<Item = T>, of: usize) -> impl Iterator<Item = T> {
        let (skip, step) = if self.is_source() {
            (0, 1)
        } else {
            (self.place as usize % of, of)
        };
        all.skip(skip).step_by(step)
    }
}

async fn world(place: Place, hidden: Hidden, probe: &Arc<Probe>) -> World {
    let making = Making {
        variables: VARIABLES.to_vec(),
        engine: probe.engine(),
    };
    let world = fixture::world_made(place, hidden, making).await;
    page::add(&world, place).await;
    world
}

fn canary(place: Place) -> &'static str {
    match place {
        Place::Parquet => "CANARYPARQUET",
        Place::Groups => "CANARYGROUPS",
        Place::Partitions => "CANARYPARTITIONS",
        Place::Csv => "CANARYCSV",
        Place::Ndjson => "CANARYNDJSON",
        Place::Sqlite => "CANARYSQLITE",
        Place::Postgres => "CANARYPOSTGRES",
    }
}
