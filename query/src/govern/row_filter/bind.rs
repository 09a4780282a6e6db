//! Do the names and types of a filter body fit the table? One type on both sides, no casts, every problem at once.

mod mapping;

use arrow::datatypes::{DataType, TimeUnit};
use lakegate_connectors::predicate::LikePattern;

use super::{
    FilterProblem, FilterProblemKind, FilterRead, Mapping, MappingTables,
    function::{DateUnit, FilterFunction},
    literal,
    syntax::{Arithmetic, Attribute, Condition, Function, Test, Value, ValueKind},
    typed::{Typed, TypedKind, TypedTest, TypedValue, is_comparable, is_number, is_text},
};

/// Gives every piece its type.
pub(super) struct Binder<'a> {
    pub(super) columns: &'a [(String, DataType)],
    pub(super) tables: &'a MappingTables<'a>,
    pub(super) mappings: Vec<Mapping>,
    pub(super) reads: Vec<FilterRead>,
    pub(super) problems: Vec<FilterProblem>,
}

impl Binder<'_> {
    /// `None` if there was a problem; it is in `problems`.
    pub(super) fn condition(&mut self, condition: &Condition) -> Option<Typed> {
        match condition {
            Condition::And(parts) => self.parts(parts).map(Typed::And),
            Condition::Or(parts) => self.parts(parts).map(Typed::Or),
            Condition::Not(part) => self.condition(part).map(|part| Typed::Not(Box::new(part))),
            Condition::Constant(constant) => Some(Typed::Constant(*constant)),
            Condition::Test { left, test, negated } => self.test(left, test, *negated),
        }
    }

    fn parts(&mut self, parts: &[Condition]) -> Option<Vec<Typed>> {
        // Not short-circuited: every problem is reported.
        let bound: Vec<Option<Typed>> = parts.iter().map(|part| self.condition(part)).collect();
        bound.into_iter().collect()
    }

    fn test(&mut self, left: &Value, test: &Test, negated: bool) -> Option<Typed> {
        let (left, test) = match test {
            Test::Compare(operator, right) => {
                let [left, right] = self.alike([left, right])?;
                (left, TypedTest::Compare(*operator, right))
            }
            Test::Between(low, high) => {
                let [left, low, high] = self.alike([left, low, high])?;
                (left, TypedTest::Between(low, high))
            }
            Test::InList(list) => {
                let left = self.alone(left)?;
                let data_type = self.comparable(&left, list)?;
                let bound: Vec<Option<TypedValue>> = list.iter().map(|value| self.typed(value, &data_type)).collect();
                let list = bound.into_iter().map(|value| match value?.kind {
                    TypedKind::Literal(value) => Some(value),
                    _ => None,
                });
                (left, TypedTest::InList(list.collect::<Option<_>>()?))
            }
            Test::InMapping(query) => self.mapping(left, query)?,
            Test::InTag(key) => (self.text(left, "IN principal.tag")?, TypedTest::InTag(key.clone())),
            Test::Like { pattern, escape } => (
                self.text(left, "LIKE")?,
                TypedTest::Like(self.pattern(left, pattern, *escape)?),
            ),
            Test::IsNull => (self.alone(left)?, TypedTest::IsNull),
            Test::IsBoolean(expected) => (self.typed(left, &DataType::Boolean)?, TypedTest::IsBoolean(*expected)),
        };
        Some(Typed::Test { left, test, negated })
    }

    fn comparable(&mut self, left: &TypedValue, list: &[Value]) -> Option<DataType> {
        if is_comparable(&left.data_type) {
            return Some(left.data_type.clone());
        }
        let offset = list.first().map_or(0, |value| value.offset);
        self.refuse(
            offset,
            format!("values of the type {} cannot be compared", left.data_type),
        )
    }

    fn pattern(&mut self, left: &Value, pattern: &str, escape: Option<char>) -> Option<LikePattern> {
        match LikePattern::parse(pattern, escape) {
            Ok(pattern) => Some(pattern),
            Err(_) => self.refuse(left.offset, "the pattern of LIKE ends with its escape character"),
        }
    }

    fn text(&mut self, value: &Value, what: &str) -> Option<TypedValue> {
        let bound = self.alone(value)?;
        if is_text(&bound.data_type) {
            return Some(bound);
        }
        self.refuse(value.offset, format!("{what} needs text, not {}", bound.data_type))
    }

    /// Values of one comparable type.
    fn alike<const N: usize>(&mut self, values: [&Value; N]) -> Option<[TypedValue; N]> {
        let offset = values.first().map_or(0, |value| value.offset);
        let mut data_type: Option<DataType> = None;
        for value in values {
            let Some(natural) = self.natural(value)? else { continue };
            data_type = match data_type {
                None => Some(natural),
                Some(known) => match unified(&known, &natural) {
                    Some(unified) => Some(unified),
                    None => return self.refuse(value.offset, format!("{known} is compared with {natural}")),
                },
            };
        }
        let data_type = data_type.unwrap_or_else(|| values.first().map_or(DataType::Utf8, |value| default_type(value)));
        if !is_comparable(&data_type) {
            return self.refuse(offset, format!("values of the type {data_type} cannot be compared"));
        }
        let bound = values.map(|value| self.typed(value, &data_type));
        let bound: Vec<TypedValue> = bound.into_iter().collect::<Option<_>>()?;
        bound.try_into().ok()
    }

    /// A value in the type that it has by itself.
    fn alone(&mut self, value: &Value) -> Option<TypedValue> {
        let data_type = self.natural(value)?.unwrap_or_else(|| default_type(value));
        self.typed(value, &data_type)
    }

    /// The type that a value has by itself; `Some(None)`: it takes any fitting one. `None`: there was a problem.
    fn natural(&mut self, value: &Value) -> Option<Option<DataType>> {
        Some(match &value.kind {
            ValueKind::Column(path) => Some(self.column(path, value.offset)?.data_type),
            ValueKind::Boolean(_) => Some(DataType::Boolean),
            ValueKind::Text(_)
            | ValueKind::Number(_)
            | ValueKind::Date(_)
            | ValueKind::Timestamp(_)
            | ValueKind::Attribute(_) => None,
            ValueKind::Arithmetic(operator, left, right) => {
                let (left, right) = (self.natural(left)?, self.natural(right)?);
                let operand = match (left, right) {
                    (Some(left), Some(right)) => match unified(&left, &right) {
                        Some(unified) => Some(unified),
                        None => return self.refuse(value.offset, format!("{left} is combined with {right}")),
                    },
                    (left, right) => left.or(right),
                };
                let Some(operand) = operand else { return Some(None) };
                match result_type(*operator, &operand) {
                    Some(result) => Some(result),
                    None => {
                        return self.refuse(
                            value.offset,
                            format!("values of the type {operand} have no arithmetic here"),
                        );
                    }
                }
            }
            ValueKind::Call(function, arguments) => match function {
                Function::Day | Function::Length | Function::Month | Function::Year => Some(DataType::Int64),
                Function::StartsWith => Some(DataType::Boolean),
                Function::Lower | Function::Substr | Function::Upper => Some(
                    self.first_natural(arguments.get(..1).unwrap_or_default())?
                        .unwrap_or(DataType::Utf8),
                ),
                Function::Coalesce => self.first_natural(arguments)?,
                Function::DateTrunc => self.first_natural(arguments.get(1..).unwrap_or_default())?,
            },
        })
    }

    fn first_natural(&mut self, values: &[Value]) -> Option<Option<DataType>> {
        for value in values {
            if let Some(natural) = self.natural(value)? {
                return Some(Some(natural));
            }
        }
        Some(None)
    }

    /// The value in exactly this type.
    fn typed(&mut self, value: &Value, data_type: &DataType) -> Option<TypedValue> {
        let literal = match &value.kind {
            ValueKind::Column(path) => {
                let column = self.column(path, value.offset)?;
                return self.fitted(column, data_type, value.offset);
            }
            ValueKind::Arithmetic(operator, left, right) => {
                return self.arithmetic(value, *operator, [left, right], data_type);
            }
            ValueKind::Call(function, arguments) => {
                let call = self.call(*function, arguments, data_type, value.offset)?;
                return self.fitted(call, data_type, value.offset);
            }
            ValueKind::Attribute(attribute) => return self.attribute(*attribute, data_type, value.offset),
            ValueKind::Boolean(constant) => match data_type {
                DataType::Boolean => Ok((*constant).into()),
                _ => Err(format!("a boolean is compared with the type {data_type}")),
            },
            ValueKind::Number(digits) => literal::number(digits, data_type),
            ValueKind::Text(text) | ValueKind::Date(text) if *data_type == DataType::Date32 => literal::date(text),
            ValueKind::Text(text) | ValueKind::Timestamp(text) if matches!(data_type, DataType::Timestamp(..)) => {
                literal::timestamp(text, data_type)
            }
            ValueKind::Text(text) => {
                literal::text(text, data_type).ok_or_else(|| format!("a text is compared with the type {data_type}"))
            }
            ValueKind::Date(_) => Err(format!("a date is compared with the type {data_type}")),
            ValueKind::Timestamp(_) => Err(format!("a timestamp is compared with the type {data_type}")),
        };
        match literal {
            Ok(literal) => Some(TypedValue {
                kind: TypedKind::Literal(literal),
                data_type: data_type.clone(),
            }),
            Err(message) => self.refuse(value.offset, message),
        }
    }

    fn attribute(&mut self, attribute: Attribute, data_type: &DataType, offset: usize) -> Option<TypedValue> {
        let fits = match attribute {
            Attribute::Now => matches!(data_type, DataType::Timestamp(..)),
            Attribute::PrincipalId | Attribute::PrincipalName | Attribute::Purpose | Attribute::Workgroup => {
                is_text(data_type)
            }
        };
        if fits {
            return Some(TypedValue {
                kind: TypedKind::Attribute(attribute),
                data_type: data_type.clone(),
            });
        }
        self.refuse(offset, format!("the attribute is compared with the type {data_type}"))
    }

    fn arithmetic(
        &mut self,
        value: &Value,
        operator: Arithmetic,
        sides: [&Value; 2],
        wanted: &DataType,
    ) -> Option<TypedValue> {
        let mut operands = Vec::with_capacity(2);
        let natural = [self.natural(sides[0])?, self.natural(sides[1])?];
        let known = natural.iter().flatten().next().cloned();
        // Two literals take the type that the other side of the comparison has.
        let fallback = known.unwrap_or_else(|| {
            if is_number(wanted) {
                wanted.clone()
            } else {
                default_type(value)
            }
        });
        for (side, natural) in sides.into_iter().zip(natural) {
            operands.push(self.typed(side, &natural.unwrap_or_else(|| fallback.clone()))?);
        }
        let data_type = operands
            .iter()
            .skip(1)
            .try_fold(operands.first()?.data_type.clone(), |left, right| {
                unified(&left, &right.data_type)
            });
        let Some(result) = data_type.and_then(|data_type| result_type(operator, &data_type)) else {
            return self.refuse(
                value.offset,
                "both sides of an arithmetic operator must have one numeric type",
            );
        };
        let call = TypedValue {
            kind: TypedKind::Call(FilterFunction::Arithmetic(operator, result.clone()), operands),
            data_type: result,
        };
        self.fitted(call, wanted, value.offset)
    }

    fn call(
        &mut self,
        function: Function,
        arguments: &[Value],
        wanted: &DataType,
        offset: usize,
    ) -> Option<TypedValue> {
        let (compiled, arguments, data_type) = match (function, arguments) {
            (Function::Lower | Function::Upper | Function::Length, [text]) => {
                let text = self.text(text, function.name())?;
                let data_type = if function == Function::Length {
                    DataType::Int64
                } else {
                    text.data_type.clone()
                };
                let compiled = match function {
                    Function::Lower => FilterFunction::Lower,
                    Function::Upper => FilterFunction::Upper,
                    _ => FilterFunction::Length,
                };
                (compiled, vec![text], data_type)
            }
            (Function::Substr, [text, positions @ ..]) => {
                let text = self.text(text, "substr")?;
                let data_type = text.data_type.clone();
                let mut typed = vec![text];
                for position in positions {
                    typed.push(self.typed(position, &DataType::Int64)?);
                }
                (FilterFunction::Substr, typed, data_type)
            }
            (Function::StartsWith, [text, prefix]) => {
                let text = self.text(text, "starts_with")?;
                let prefix = self.typed(prefix, &text.data_type.clone())?;
                (FilterFunction::StartsWith, vec![text, prefix], DataType::Boolean)
            }
            (Function::Coalesce, values) => {
                let natural = self.first_natural(values)?.unwrap_or_else(|| wanted.clone());
                let bound: Vec<Option<TypedValue>> = values.iter().map(|value| self.typed(value, &natural)).collect();
                (
                    FilterFunction::Coalesce,
                    bound.into_iter().collect::<Option<_>>()?,
                    natural,
                )
            }
            (Function::DateTrunc, [unit, moment]) => {
                let unit = self.date_unit(unit)?;
                let natural = self.natural(moment)?.unwrap_or_else(|| wanted.clone());
                let moment = self.moment(moment, &natural)?;
                (FilterFunction::DateTrunc(unit), vec![moment], natural)
            }
            (Function::Year | Function::Month | Function::Day, [moment]) => {
                let natural = self.natural(moment)?.unwrap_or_else(|| default_type(moment));
                let moment = self.moment(moment, &natural)?;
                let compiled = match function {
                    Function::Year => FilterFunction::Year,
                    Function::Month => FilterFunction::Month,
                    _ => FilterFunction::Day,
                };
                (compiled, vec![moment], DataType::Int64)
            }
            _ => return self.refuse(offset, format!("`{}` does not take these arguments", function.name())),
        };
        Some(TypedValue {
            kind: TypedKind::Call(compiled, arguments),
            data_type,
        })
    }

    fn date_unit(&mut self, unit: &Value) -> Option<DateUnit> {
        let known = match &unit.kind {
            ValueKind::Text(text) => DateUnit::of(&text.to_lowercase()),
            _ => None,
        };
        if known.is_none() {
            return self.refuse(
                unit.offset,
                "date_trunc needs 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter' or 'year'",
            );
        }
        known
    }

    fn moment(&mut self, value: &Value, data_type: &DataType) -> Option<TypedValue> {
        if matches!(data_type, DataType::Date32 | DataType::Timestamp(..)) {
            return self.typed(value, data_type);
        }
        self.refuse(value.offset, format!("a date or timestamp is needed, not {data_type}"))
    }

    fn fitted(&mut self, value: TypedValue, wanted: &DataType, offset: usize) -> Option<TypedValue> {
        if value.data_type == *wanted {
            return Some(value);
        }
        match unified(&value.data_type, wanted) {
            Some(unified) if unified == *wanted || (is_text(&unified) && is_text(wanted)) => Some(TypedValue {
                kind: TypedKind::Widened(Box::new(value)),
                data_type: wanted.clone(),
            }),
            _ => self.refuse(
                offset,
                format!("a value of the type {} is used as {wanted}", value.data_type),
            ),
        }
    }

    fn column(&mut self, path: &[String], offset: usize) -> Option<TypedValue> {
        let (name, fields) = path.split_first()?;
        let Some((_, data_type)) = self.columns.iter().find(|(known, _)| known == name) else {
            return self.problem(
                FilterProblemKind::UnknownColumn,
                offset,
                format!("column `{name}` does not exist"),
            );
        };
        let mut value = TypedValue {
            kind: TypedKind::Column(name.clone()),
            data_type: data_type.clone(),
        };
        if !self.reads.iter().any(|read| read.name == *name) {
            self.reads.push(FilterRead {
                name: name.clone(),
                data_type: data_type.clone(),
            });
        }
        for field in fields {
            let DataType::Struct(members) = &value.data_type else {
                return self.refuse(offset, format!("`{}` has no field `{field}`", path.join(".")));
            };
            let mut found = members.iter().filter(|member| member.name().to_lowercase() == *field);
            let (Some(member), None) = (found.next(), found.next()) else {
                let message = format!("field `{}` does not exist", path.join("."));
                return self.problem(FilterProblemKind::UnknownColumn, offset, message);
            };
            let (name, data_type) = (member.name().clone(), member.data_type().clone());
            value = TypedValue {
                kind: TypedKind::Call(FilterFunction::Field(name), vec![value]),
                data_type,
            };
        }
        if matches!(
            value.data_type,
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) | DataType::Map(..)
        ) {
            return self.refuse(offset, "arrays and maps are not part of the filter language");
        }
        Some(value)
    }

    fn refuse<T>(&mut self, offset: usize, message: impl Into<String>) -> Option<T> {
        self.problem(FilterProblemKind::Type, offset, message)
    }

    fn problem<T>(&mut self, kind: FilterProblemKind, offset: usize, message: impl Into<String>) -> Option<T> {
        let problem = FilterProblem {
            offset,
            message: message.into(),
            kind,
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
        None
    }
}

/// The one type of two: the same, decimals of one scale, or texts, which come in several forms.
fn unified(left: &DataType, right: &DataType) -> Option<DataType> {
    match (left, right) {
        (left, right) if left == right => Some(left.clone()),
        (left, right) if is_text(left) && is_text(right) => Some(DataType::Utf8View),
        (DataType::Decimal128(_, left), DataType::Decimal128(_, right)) if left == right => {
            Some(DataType::Decimal128(38, *left))
        }
        _ => None,
    }
}

fn result_type(operator: Arithmetic, operand: &DataType) -> Option<DataType> {
    match operand {
        DataType::Decimal128(_, scale) if operator == Arithmetic::Multiply => scale
            .checked_mul(2)
            .filter(|scale| (0..=38).contains(scale))
            .map(|scale| DataType::Decimal128(38, scale)),
        DataType::Decimal128(_, scale) => Some(DataType::Decimal128(38, *scale)),
        other if is_number(other) => Some(other.clone()),
        _ => None,
    }
}

/// The type of a value that takes any fitting one, where nothing else decides.
fn default_type(value: &Value) -> DataType {
    match &value.kind {
        ValueKind::Number(digits) => literal::number_type(digits),
        ValueKind::Date(_) => DataType::Date32,
        ValueKind::Timestamp(_) | ValueKind::Attribute(Attribute::Now) => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        ValueKind::Boolean(_) => DataType::Boolean,
        ValueKind::Arithmetic(_, left, _) => default_type(left),
        ValueKind::Call(Function::DateTrunc, arguments) => arguments.get(1).map_or(DataType::Date32, default_type),
        ValueKind::Call(_, arguments) => arguments.first().map_or(DataType::Utf8, default_type),
        ValueKind::Text(_) | ValueKind::Attribute(_) | ValueKind::Column(_) => DataType::Utf8,
    }
}
