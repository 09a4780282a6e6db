//! Which rows does a Cedar condition mean? The body of a data filter (governance.md §4.2): checked, typed, and bound to the
//! facts of one statement.
//!
//! Not here: how rows are read (`query` compiles the bound tree). A tree is three-valued, TRUE, FALSE and E, where E is
//! "Cedar raises an error"; a body that is E on a row is not true there.

mod bind;
mod body;
mod evaluate;
mod free;
mod kept;
mod lower;
mod operand;
mod stack;
#[cfg(test)]
mod tests;

use crate::name::{NameResolver, show_names};
use crate::problem::PolicyProblem;

pub use bind::BoundCondition;
pub(crate) use free::FreePart;
pub(crate) use kept::KeptConditions;

/// Longest body, in bytes.
pub const MAX_CONDITION_BYTES: usize = 16 * 1024;
/// Most nodes of a body.
pub const MAX_CONDITION_NODES: usize = 1_000;
/// Deepest nesting of a body; a chain of `&&` or `||` counts once.
pub const MAX_CONDITION_DEPTH: usize = 32;

/// The bags of a `Row`: one for each type that Cedar shares with tables.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Bag {
    /// `resource.s`: text.
    Text,
    /// `resource.n`: whole numbers that fit 64 bits.
    Number,
    /// `resource.d`: decimals with at most 4 digits after the point and 14 before it.
    Decimal,
    /// `resource.b`
    Boolean,
    /// `resource.t`: dates and timestamps, in milliseconds UTC, rounded down.
    Moment,
}

impl Bag {
    const ALL: &'static [(&'static str, Self)] = &[
        ("s", Self::Text),
        ("n", Self::Number),
        ("d", Self::Decimal),
        ("b", Self::Boolean),
        ("t", Self::Moment),
    ];

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, bag)| *bag)
    }

    /// The attribute of `resource` that holds it.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, bag)| *bag == self)
            .map_or("", |(name, _)| name)
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Number => Kind::Number,
            Self::Decimal => Kind::Decimal,
            Self::Boolean => Kind::Boolean,
            Self::Moment => Kind::Moment,
        }
    }
}

/// A column that a body may name: its path is the key of its tag.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RowColumn {
    /// Dotted path in lower case; parts are quoted where lake files quote them.
    pub path: String,
    /// Where its value lies; `None`: Cedar has no such type, and a body that names it is refused.
    pub bag: Option<Bag>,
    /// Its type as people write it, for error texts.
    pub type_name: String,
}

/// The type of a value in a tree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// TRUE or FALSE.
    Boolean,
    /// 64 bits, signed.
    Number,
    /// Compared by code point.
    Text,
    /// 64 bits, signed, in units of 0.0001.
    Decimal,
    /// Milliseconds since 1970-01-01 UTC, 64 bits.
    Moment,
    /// Milliseconds, 64 bits.
    Duration,
    /// A set of scalars; never of rows.
    Set,
    /// Anything that is no operand beside a column: entities, records, addresses.
    Other,
}

/// A constant of one statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RowValue {
    /// Of [`Kind::Boolean`].
    Boolean(bool),
    /// Of [`Kind::Number`].
    Number(i64),
    /// Of [`Kind::Text`].
    Text(String),
    /// Of [`Kind::Decimal`], in units of 0.0001.
    Decimal(i64),
    /// Of [`Kind::Moment`], in milliseconds since 1970-01-01 UTC.
    Moment(i64),
    /// Of [`Kind::Duration`], in milliseconds.
    Duration(i64),
    /// Of [`Kind::Set`]: each value once.
    Set(Vec<RowValue>),
}

impl RowValue {
    /// Its type.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Boolean(_) => Kind::Boolean,
            Self::Number(_) => Kind::Number,
            Self::Text(_) => Kind::Text,
            Self::Decimal(_) => Kind::Decimal,
            Self::Moment(_) => Kind::Moment,
            Self::Duration(_) => Kind::Duration,
            Self::Set(_) => Kind::Set,
        }
    }
}

/// A column in a tree.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RowRead {
    /// As in [`RowColumn::path`].
    pub path: String,
    /// Decides its type.
    pub bag: Bag,
}

/// A condition or a value over one row. Every operator is strict in E but for `All`, `Any` and `If`, which look at their
/// parts from the left and stop as Cedar does.
#[derive(Clone, Debug, PartialEq)]
pub enum RowExpr {
    /// A constant.
    Value(RowValue),
    /// E, in the place of a value of this kind.
    Error(Kind),
    /// What no row changes: by position among the parts of the condition. Not in a [`BoundCondition`].
    Free(usize, Kind),
    /// `getTag`: the column's value. `guarded`: an outer `hasTag` makes it irrelevant where it is NULL; otherwise that is E.
    Column {
        /// Which column.
        read: RowRead,
        /// Whether `hasTag` protects it.
        guarded: bool,
    },
    /// `hasTag`: the column is not NULL.
    Present(RowRead),
    /// `!`
    Not(Box<RowExpr>),
    /// `-`; E on overflow.
    Negate(Box<RowExpr>),
    /// `&&`: the first part that is not TRUE, else TRUE.
    All(Vec<RowExpr>),
    /// `||`: the first part that is not FALSE, else FALSE.
    Any(Vec<RowExpr>),
    /// `if`, `then`, `else`.
    If(Box<[RowExpr; 3]>),
    /// Both sides have one kind.
    Compare(Comparison, Box<[RowExpr; 2]>),
    /// Both sides are numbers, or milliseconds; E on overflow.
    Arithmetic(Arithmetic, Kind, Box<[RowExpr; 2]>),
    /// `set.contains(value)`: a set, and a scalar.
    Within(Box<[RowExpr; 2]>),
    /// A pattern by code point; `None` is any text.
    Like(Box<RowExpr>, Vec<Option<char>>),
    /// A method of a moment or duration.
    Method(Method, Box<RowExpr>),
}

/// Operators of two values of one kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Operators on 64-bit numbers.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Arithmetic {
    /// Also `offset`.
    Add,
    /// Also `durationSince`.
    Subtract,
    /// Numbers only.
    Multiply,
}

/// Methods of one value.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Method {
    /// The beginning of the day; E where 64 bits do not hold it.
    ToDate,
    /// Time since the beginning of the day.
    ToTime,
    /// A duration divided by so many milliseconds, towards zero.
    Divide(i64),
}

impl RowExpr {
    /// Its type.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Value(value) => value.kind(),
            Self::Error(kind) | Self::Free(_, kind) | Self::Arithmetic(_, kind, _) => *kind,
            Self::Column { read, .. } => read.bag.kind(),
            Self::Negate(_) => Kind::Number,
            Self::If(parts) => {
                let [_, then, _] = parts.as_ref();
                then.kind()
            }
            Self::Method(method, _) => match method {
                Method::ToDate => Kind::Moment,
                Method::ToTime => Kind::Duration,
                Method::Divide(_) => Kind::Number,
            },
            Self::Present(_)
            | Self::Not(_)
            | Self::All(_)
            | Self::Any(_)
            | Self::Compare(..)
            | Self::Within(_)
            | Self::Like(..) => Kind::Boolean,
        }
    }
}

/// A checked body, before the facts of a statement are known.
#[derive(Clone, Debug)]
pub struct RowCondition {
    pub(crate) expr: RowExpr,
    pub(crate) free: Vec<FreePart>,
    pub(crate) reads: Vec<RowRead>,
}

/// A body as it is stored.
#[derive(Clone, Debug)]
pub struct PublishedCondition {
    /// The body with ids in place of names.
    pub resolved: String,
    /// What it means.
    pub condition: RowCondition,
}

impl RowCondition {
    /// Checks a body as people write it: `when { … }`, perhaps `unless { … }`. Strict validation at level 2 (level 1 for what
    /// no row changes), columns, types and limits; entity literals become ids.
    ///
    /// # Errors
    /// Every problem that was found, with line and column of the body.
    pub fn publish(
        body: &str,
        columns: &[RowColumn],
        names: &(dyn NameResolver + Sync),
    ) -> Result<PublishedCondition, Vec<PolicyProblem>> {
        stack::with_room(|| body::validate(body))?;
        // Names are found by our own scan; Cedar then reads both texts to compare them.
        let resolved = stack::with_room(|| body::resolve(body, names))?;
        Ok(PublishedCondition {
            condition: Self::parse(&resolved, columns)?,
            resolved,
        })
    }

    /// Reads a resolved body again. Its columns must still have the types that they had when it was published.
    ///
    /// # Errors
    /// What is wrong with it, if it was not made by [`RowCondition::publish`] for these columns.
    pub fn parse(resolved: &str, columns: &[RowColumn]) -> Result<Self, Vec<PolicyProblem>> {
        stack::with_room(|| lower::lower(resolved, &body::clauses(resolved)?, columns))
    }

    /// The columns that it reads, each once.
    pub fn reads(&self) -> &[RowRead] {
        &self.reads
    }
}

/// Puts the present names in place of the ids of a resolved body, for display.
///
/// # Errors
/// An object that it names is gone: the body is true for nobody until it is published again.
pub fn show_condition(resolved: &str, names: &dyn NameResolver) -> Result<String, Vec<PolicyProblem>> {
    show_names(resolved, names)
}
