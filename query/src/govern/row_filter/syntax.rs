//! What does a filter body say, before names and types are known? A tree that keeps the place of every piece.

/// Comparison operators.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Comparison {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Constant(bool),
    Test { left: Value, test: Test, negated: bool },
}

/// What is asked of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Compare(Comparison, Value),
    Between(Value, Value),
    /// Literals only.
    InList(Vec<Value>),
    InMapping(Box<MappingQuery>),
    /// Key of a tag of the principal.
    InTag(String),
    Like {
        pattern: String,
        escape: Option<char>,
    },
    IsNull,
    IsBoolean(bool),
}

/// The values of one column of another table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MappingQuery {
    /// Catalog, database and table, in lower case.
    pub(super) table: [String; 3],
    pub(super) table_offset: usize,
    pub(super) column: String,
    pub(super) column_offset: usize,
    pub(super) condition: Option<Condition>,
}

/// A value and where it begins, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) kind: ValueKind,
    pub(super) offset: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ValueKind {
    /// Column name, then names of nested fields; lower case.
    Column(Vec<String>),
    Boolean(bool),
    Text(String),
    /// Digits with sign, fraction and exponent as written.
    Number(String),
    Date(String),
    Timestamp(String),
    Attribute(Attribute),
    Arithmetic(Arithmetic, Box<Value>, Box<Value>),
    Call(Function, Vec<Value>),
}

/// Facts of the statement that a body may read.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Attribute {
    PrincipalId,
    PrincipalName,
    Now,
    Purpose,
    Workgroup,
}

/// Functions of the grammar.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Function {
    Coalesce,
    DateTrunc,
    Day,
    Length,
    Lower,
    Month,
    StartsWith,
    Substr,
    Upper,
    Year,
}

impl Function {
    /// Every function with its name and its number of arguments.
    const ALL: &'static [(&'static str, Self, std::ops::RangeInclusive<usize>)] = &[
        // sorted: start
        ("coalesce", Self::Coalesce, 1..=usize::MAX),
        ("date_trunc", Self::DateTrunc, 2..=2),
        ("day", Self::Day, 1..=1),
        ("length", Self::Length, 1..=1),
        ("lower", Self::Lower, 1..=1),
        ("month", Self::Month, 1..=1),
        ("starts_with", Self::StartsWith, 2..=2),
        ("substr", Self::Substr, 2..=3),
        ("upper", Self::Upper, 1..=1),
        ("year", Self::Year, 1..=1),
        // sorted: end
    ];

    pub(super) fn of(name: &str) -> Option<(Self, std::ops::RangeInclusive<usize>)> {
        Self::ALL
            .iter()
            .find(|(known, ..)| *known == name)
            .map(|(_, function, arity)| (*function, arity.clone()))
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, function, _)| *function == self)
            .map_or("", |(name, ..)| name)
    }
}
