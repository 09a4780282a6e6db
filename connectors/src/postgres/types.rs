//! Which Arrow type does a PostgreSQL column have, and how far can the server compare it as the engine does?
//!
//! Not here: how a value is decoded (`decode`) and how a comparison is written (`statement`). The rules are those of
//! connectors.md §5.1 and §5.4; the catalog row that feeds them comes from `describe`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::{
    capability::{AggregateSupport, Capabilities, Consistency, FilterSupport, OperatorClass, Pushdown, TypeClass},
    scan::AggregateFunction,
};

/// What the server's catalog says about a column's type, domains resolved to their base type.
#[derive(Debug, Clone)]
pub(super) struct CatalogType {
    /// `pg_type.oid`.
    pub oid: u32,
    /// `pg_type.typtype`: `b`ase, `c`omposite, `d`omain, `e`num, `p`seudo, `r`ange, `m`ultirange.
    pub kind: char,
    /// Of an array: its elements.
    pub element: Option<ElementType>,
    /// `pg_attribute.atttypmod`, −1 when the type has no modifier.
    pub modifier: i32,
    /// Whether the column's collation is deterministic; absent for types without collation.
    pub deterministic: Option<bool>,
}

/// What an array holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct ElementType {
    /// `pg_type.oid`.
    pub oid: u32,
    /// `pg_type.typtype`.
    pub kind: char,
    /// `pg_attribute.attndims`, at least 1.
    pub dimensions: u8,
}

/// `pg_type.oid` of `text`.
const TEXT: u32 = 25;
/// Of `text[]`.
const TEXT_ARRAY: u32 = 1_009;
/// More are not declared: the server has six at most.
const MAX_DIMENSIONS: u8 = 6;

/// How a `numeric` without precision is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum BareNumeric {
    /// As `Decimal128(38, 9)`; what does not fit is an error.
    #[default]
    Decimal,
    Double,
    Text,
}

/// What holds for all columns of a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The server stores text as UTF-8: elsewhere a literal may not be convertible and byte order is not code-point
    /// order, so no text is compared there.
    pub utf8: bool,
    pub bare_numeric: BareNumeric,
}

/// How a column is read, as kept in handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct ColumnType {
    /// The binary form to expect, of the elements where it is an array.
    pub wire: Wire,
    /// Of an array; 0 for everything else.
    pub dimensions: u8,
    /// How the column is written in the select list.
    pub output: Output,
    /// What may be compared at the server.
    pub comparison: Comparison,
}

/// The binary form of a column on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Wire {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// A `numeric` that is wanted as `double`.
    Double,
    Numeric {
        precision: u8,
        scale: i8,
    },
    Text,
    Bytea,
    Timestamp,
    TimestampTz,
    Date,
    Time,
    Interval,
    Uuid,
}

/// How a column stands in the select list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Output {
    /// As it is.
    Plain,
    /// Cast to `text`: its binary form is version-bound or has no Arrow counterpart.
    AsText,
    /// The same for a composite, whose IS NULL asks about its members.
    RowAsText,
    /// Not at all: pseudo-types are refused by name.
    Refused,
}

/// What the server may compare with the outcome that the engine's operator has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Comparison {
    /// Nothing but IS NULL.
    Nothing,
    /// Equality and order.
    Ordered,
    /// Equality and order, but not with ±0.0: the engine's total order tells them apart, the server does not.
    Float,
    /// Equality; order and LIKE under `COLLATE "C"`.
    Text,
}

impl Wire {
    /// The Arrow type of the decoded column.
    pub(super) fn arrow_type(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 | Self::Double => DataType::Float64,
            Self::Numeric { precision, scale } if precision <= 38 => DataType::Decimal128(precision, scale),
            Self::Numeric { precision, scale } => DataType::Decimal256(precision, scale),
            Self::Text => DataType::Utf8View,
            Self::Bytea => DataType::Binary,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Uuid => DataType::FixedSizeBinary(16),
        }
    }
}

impl ColumnType {
    /// The reading rule of a catalog type.
    pub(super) fn of(catalog: &CatalogType, reading: Reading) -> Self {
        if let Some(element) = catalog.element {
            return Self::array(catalog, element, reading);
        }
        match catalog.kind {
            'c' => return Self::new(Wire::Text, Output::RowAsText, Comparison::Nothing),
            'p' | 'd' => return Self::new(Wire::Text, Output::Refused, Comparison::Nothing),
            _ => {}
        }
        let text = match catalog.deterministic {
            Some(true) if reading.utf8 => Comparison::Text,
            _ => Comparison::Nothing,
        };
        match catalog.oid {
            16 => Self::plain(Wire::Bool, Comparison::Ordered),
            17 => Self::plain(Wire::Bytea, Comparison::Ordered),
            20 => Self::plain(Wire::Int8, Comparison::Ordered),
            21 => Self::plain(Wire::Int2, Comparison::Ordered),
            23 => Self::plain(Wire::Int4, Comparison::Ordered),
            19 | 25 | 1043 => Self::plain(Wire::Text, text),
            // char(n): blanks at the end do not count there, and do here.
            1042 => Self::plain(Wire::Text, Comparison::Nothing),
            700 => Self::plain(Wire::Float4, Comparison::Float),
            701 => Self::plain(Wire::Float8, Comparison::Float),
            1082 => Self::plain(Wire::Date, Comparison::Ordered),
            1083 => Self::plain(Wire::Time, Comparison::Ordered),
            1114 => Self::plain(Wire::Timestamp, Comparison::Ordered),
            1184 => Self::plain(Wire::TimestampTz, Comparison::Ordered),
            1186 => Self::plain(Wire::Interval, Comparison::Nothing),
            1700 => Self::numeric(catalog.modifier, reading.bare_numeric),
            2950 => Self::plain(Wire::Uuid, Comparison::Ordered),
            // citext and every other base type, enum and range.
            _ => Self::new(Wire::Text, Output::AsText, Comparison::Nothing),
        }
    }

    /// A list of what its elements are; where these come as text, all of it is cast.
    fn array(catalog: &CatalogType, element: ElementType, reading: Reading) -> Self {
        let single = CatalogType {
            oid: element.oid,
            kind: element.kind,
            element: None,
            modifier: catalog.modifier,
            deterministic: None,
        };
        // The elements of an array over a domain are announced as the domain's.
        let one = match element.kind {
            'd' => Self::new(Wire::Text, Output::AsText, Comparison::Nothing),
            _ => Self::of(&single, reading),
        };
        let output = match one.output {
            Output::RowAsText => Output::AsText,
            other => other,
        };
        Self {
            dimensions: element.dimensions.clamp(1, MAX_DIMENSIONS),
            ..Self::new(one.wire, output, Comparison::Nothing)
        }
    }

    /// The Arrow type of the decoded column. Text within lists is no view: what a filter leaves of them holds no byte of others.
    pub(super) fn arrow_type(self) -> DataType {
        let element = match self.wire {
            Wire::Text if self.dimensions > 0 => DataType::Utf8,
            wire => wire.arrow_type(),
        };
        (0..self.dimensions).fold(element, |inner, _| {
            DataType::List(Arc::new(Field::new("item", inner, true)))
        })
    }

    /// Oid of the type that the server announces for a column of the type `oid`.
    pub(super) fn sent(self, oid: u32) -> u32 {
        match (self.output, self.dimensions) {
            (Output::Plain | Output::Refused, _) => oid,
            (Output::AsText | Output::RowAsText, 0) => TEXT,
            (Output::AsText | Output::RowAsText, _) => TEXT_ARRAY,
        }
    }

    /// `numeric(p, s)` by its type modifier, `((p << 16) | (s & 0x7ff)) + 4`.
    fn numeric(modifier: i32, bare: BareNumeric) -> Self {
        if modifier < 4 {
            let decimal = Wire::Numeric {
                precision: 38,
                scale: 9,
            };
            return match bare {
                BareNumeric::Decimal => Self::plain(decimal, Comparison::Ordered),
                BareNumeric::Double => Self::plain(Wire::Double, Comparison::Nothing),
                BareNumeric::Text => Self::new(Wire::Text, Output::AsText, Comparison::Nothing),
            };
        }
        let bits = modifier - 4;
        let precision = (bits >> 16) & 0xffff;
        // Eleven bits, signed: negative scales exist since PostgreSQL 15.
        let scale = ((bits & 0x7ff) ^ 1024) - 1024;
        // Arrow wants 0 ≤ scale ≤ precision: numeric(3, −2) has up to five digits, numeric(2, 4) four after the point.
        let (precision, scale) = if scale < 0 {
            (precision - scale, 0)
        } else {
            (precision.max(scale), scale)
        };
        match (u8::try_from(precision), i8::try_from(scale)) {
            (Ok(precision), Ok(scale)) if precision <= 76 => {
                Self::plain(Wire::Numeric { precision, scale }, Comparison::Ordered)
            }
            _ => Self::new(Wire::Text, Output::AsText, Comparison::Nothing),
        }
    }

    fn plain(wire: Wire, comparison: Comparison) -> Self {
        Self::new(wire, Output::Plain, comparison)
    }

    fn new(wire: Wire, output: Output, comparison: Comparison) -> Self {
        Self {
            wire,
            dimensions: 0,
            output,
            comparison,
        }
    }
}

/// What the connector can do with these filters.
pub(super) fn capabilities(filter: FilterSupport) -> Capabilities {
    use AggregateFunction::{Count, Max, Min, Sum};
    Capabilities {
        filter,
        limit: Pushdown::Exact,
        top_n: Pushdown::Exact,
        aggregate: AggregateSupport(
            [Count, Max, Min, Sum]
                .map(|function| (function, Pushdown::Exact))
                .into(),
        ),
        join: true,
        consistency: Consistency::Statement,
        passthrough: true,
        ..Capabilities::projection_only()
    }
}

/// The filters of a table whose columns can all be compared.
pub(super) fn best_filters() -> FilterSupport {
    use OperatorClass::{Equality, Like, LikePrefix, Null, Range};
    use TypeClass::{Binary, Boolean, Date, Decimal, Float, Integer, Other, Text, Time, Timestamp, Uuid};
    FilterSupport::default()
        .with(
            &[Equality, Null, Range],
            &[
                Binary, Boolean, Date, Decimal, Float, Integer, Text, Time, Timestamp, Uuid,
            ],
            Pushdown::Exact,
        )
        .with(&[Null], &[Other], Pushdown::Exact)
        .with(&[LikePrefix], &[Text], Pushdown::Exact)
        .with(&[Like], &[Text], Pushdown::Inexact)
}

impl ColumnType {
    /// Operators that hold for this column, with their verdicts.
    pub(super) fn operators(self) -> Vec<(OperatorClass, Pushdown)> {
        use OperatorClass::{Equality, Like, LikePrefix, Null, Range};
        let exact: &[OperatorClass] = match self.comparison {
            Comparison::Nothing => &[Null],
            Comparison::Ordered | Comparison::Float => &[Null, Equality, Range],
            Comparison::Text => &[Null, Equality, Range, LikePrefix],
        };
        let mut operators: Vec<_> = exact.iter().map(|operator| (*operator, Pushdown::Exact)).collect();
        if self.comparison == Comparison::Text {
            operators.push((Like, Pushdown::Inexact));
        }
        operators
    }
}
