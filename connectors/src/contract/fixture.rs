//! What must a connector bring to be asked? A real source with tables of known content.

use std::{collections::BTreeMap, fmt::Debug, net::SocketAddr, sync::Arc};

use arrow::array::ArrayRef;
use async_trait::async_trait;

use super::Broken;
use crate::{connection::Connection, connector::Connector, predicate::Predicate};

/// A connector under test and its source.
#[async_trait]
pub trait Fixture: Debug + Send + Sync {
    /// Name of the connector in the matrix, e.g. `postgres` or `files on S3`.
    fn name(&self) -> &'static str;

    /// A fresh instance of the connector.
    fn connector(&self) -> Arc<dyn Connector>;

    /// The source; another one than that of any other fixture.
    fn connection(&self) -> Connection;

    /// What lies there.
    fn lake(&self) -> &Lake;

    /// Why a property (by its name) cannot be asked of this connector.
    fn blank(&self, property: &str) -> Option<&'static str> {
        let _ = property;
        None
    }

    /// Splits that a scan of `Lake::numbers` has, at least.
    fn parts(&self) -> usize {
        1
    }

    /// Address of the source, if it is reached over TCP.
    fn address(&self) -> Option<SocketAddr> {
        None
    }

    /// The source as it is reached over another port of the loopback address, not encrypted.
    fn through(&self, port: u16) -> Option<Connection> {
        let _ = port;
        None
    }

    /// How many statements does the source work on for this query now?
    async fn busy(&self, query: &str) -> Result<usize, Broken>;

    /// Adds rows to `Lake::numbers`; `false` where the source cannot be written while it is read.
    async fn disturb(&self) -> Result<bool, Broken>;
}

/// Tables of a fixture. All lie in `database`, unless said otherwise.
#[derive(Debug, Default)]
pub struct Lake {
    pub database: String,
    /// A database of at least 2,000 tables, and how many they are.
    pub many: (String, usize),
    /// Tables whose names differ in case alone; one, if the source knows no such names.
    pub spellings: Vec<&'static str>,
    /// Tables that show types.
    pub typed: Vec<Typed>,
    /// Values that Arrow cannot hold.
    pub misfits: Vec<Misfit>,
    /// Values that Arrow cannot hold in rows that a guard hides.
    pub hidden: Vec<Hidden>,
    /// Tables with a column `id`, unique, for predicates from a seed.
    pub random: Vec<&'static str>,
    /// Rows of these may lack what a guard reads, which is not to be NULL: nobody sees them under that guard (governance.md §3).
    pub sparse: bool,
    /// `id` from 1 to 5,000, in no order, and `name`, `n1` to `n5000`.
    pub numbers: &'static str,
    /// Column `id`; its first row never comes.
    pub never: &'static str,
    /// Columns `id` and `wide`, a text of 100,000 characters; its rows never end.
    pub endless: &'static str,
    /// `id` from 1 to 100, `owner` (`ana` on odd, `bo` on even ids) and `note`, which holds [`MARK`] where the owner is `bo`.
    pub owned: &'static str,
    /// A view on `owned` with `id`, `owner` and a computed column, if the source has such.
    pub computed: Option<(&'static str, &'static str)>,
    /// Texts that must show nowhere.
    pub secrets: Vec<String>,
}

/// Stands in the hidden rows of `Lake::owned`.
pub const MARK: &str = "hidden-from-ana-9f31";
/// Rows of `Lake::numbers`.
pub const NUMBERS: usize = 5_000;

/// A table and what must come back, column by column.
#[derive(Debug)]
pub struct Typed {
    pub table: &'static str,
    pub columns: BTreeMap<&'static str, ArrayRef>,
}

/// A column with a value that Arrow's type cannot hold.
#[derive(Clone, Debug)]
pub struct Misfit {
    pub table: String,
    pub column: &'static str,
}

/// Such a value behind a guard.
#[derive(Clone, Debug)]
pub struct Hidden {
    pub table: &'static str,
    pub columns: Vec<&'static str>,
    pub guard: Predicate,
    /// Rows that the guard shows.
    pub rows: usize,
}
