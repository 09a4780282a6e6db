//! Which conditions of a governed scan have a quicker form with the same outcome on every row? IN over a few short texts, and IS TRUE.
//!
//! A policy is asked of every row of a table. The engine looks texts up in a hash set; where a column comes as views, a text of at
//! most 12 bytes *is* its view, and a few of them are compared as words.

use std::{fmt, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, AsArray, BooleanArray, make_view},
        buffer::{BooleanBuffer, Buffer},
        datatypes::{DataType, Schema},
        record_batch::RecordBatch,
    },
    common::{
        Result, ScalarValue, internal_err,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    logical_expr::{ColumnarValue, Operator},
    physical_expr::{
        PhysicalExpr,
        expressions::{BinaryExpr, InListExpr, Literal},
    },
};

/// Texts of a list that is asked word by word; a longer one is a look-up.
const MOST_TEXTS: usize = 8;
/// Bytes that a view holds itself.
const INLINE_BYTES: usize = 12;

/// The same condition, with the same value on every row, NULL included.
pub(super) fn quick(expr: Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    expr.transform_up(|expr| {
        let quicker = few_texts(&expr, schema)?.or_else(|| truth(&expr, schema));
        Ok(match quicker {
            Some(quicker) => Transformed::yes(quicker),
            None => Transformed::no(expr),
        })
    })
    .data()
}

/// `text [NOT] IN (…)` over views, for a few short texts.
fn few_texts(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let Some(list) = expr.downcast_ref::<InListExpr>() else {
        return Ok(None);
    };
    if list.list().len() > MOST_TEXTS || list.expr().data_type(schema)? != DataType::Utf8View {
        return Ok(None);
    }
    let views = list.list().iter().map(short_text).collect::<Option<Vec<u128>>>();
    Ok(views.filter(|views| !views.is_empty()).map(|views| {
        let value = Arc::clone(list.expr());
        let negated = list.negated();
        Arc::new(FewTexts { value, views, negated }) as Arc<dyn PhysicalExpr>
    }))
}

/// The view of a text that fits into it.
fn short_text(expr: &Arc<dyn PhysicalExpr>) -> Option<u128> {
    match expr.downcast_ref::<Literal>()?.value() {
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            (text.len() <= INLINE_BYTES).then(|| make_view(text.as_bytes(), 0, 0))
        }
        _ => None,
    }
}

/// `condition IS TRUE`, as the engine writes it.
fn truth(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Option<Arc<dyn PhysicalExpr>> {
    let binary = expr.downcast_ref::<BinaryExpr>()?;
    let of_truth = matches!(binary.left().data_type(schema), Ok(DataType::Boolean));
    let literal = binary.right().downcast_ref::<Literal>()?.value();
    let is_true = *binary.op() == Operator::IsNotDistinctFrom && *literal == ScalarValue::Boolean(Some(true));
    (of_truth && is_true).then(|| Arc::new(IsTrue(Arc::clone(binary.left()))) as Arc<dyn PhysicalExpr>)
}

/// Whether a text is one of a few, given as views.
#[derive(Debug, Eq)]
struct FewTexts {
    value: Arc<dyn PhysicalExpr>,
    /// At least one, at most [`MOST_TEXTS`].
    views: Vec<u128>,
    negated: bool,
}

impl FewTexts {
    fn within(&self, views: &[u128]) -> BooleanBuffer {
        let found = match self.views.as_slice() {
            [] => BooleanBuffer::new_unset(views.len()),
            [first] => within(views, [*first]),
            [first, rest @ ..] if rest.len() < 4 => within(views, filled::<4>(*first, rest)),
            [first, rest @ ..] => within(views, filled::<MOST_TEXTS>(*first, rest)),
        };
        if self.negated { !&found } else { found }
    }
}

/// The texts in an array of one length: the first one fills it up.
fn filled<const N: usize>(first: u128, rest: &[u128]) -> [u128; N] {
    let mut wanted = [first; N];
    wanted.iter_mut().zip(rest).for_each(|(place, text)| *place = *text);
    wanted
}

fn within<const N: usize>(views: &[u128], wanted: [u128; N]) -> BooleanBuffer {
    let word = |rows: &[u128]| {
        let bit =
            |(at, row): (usize, &u128)| u64::from(wanted.iter().fold(false, |any, text| any | (row == text))) << at;
        rows.iter().enumerate().map(bit).fold(0, |word, bit| word | bit)
    };
    let words: Vec<u64> = views.chunks(64).map(word).collect();
    BooleanBuffer::new(Buffer::from_vec(words), 0, views.len())
}

impl PartialEq for FewTexts {
    fn eq(&self, other: &Self) -> bool {
        self.value.eq(&other.value) && self.views == other.views && self.negated == other.negated
    }
}

impl std::hash::Hash for FewTexts {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.value.hash(state);
        self.views.hash(state);
        self.negated.hash(state);
    }
}

impl fmt::Display for FewTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "NOT " } else { "" };
        write!(f, "{} {not}IN ({} texts)", self.value, self.views.len())
    }
}

impl PhysicalExpr for FewTexts {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.value.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let texts = self.value.evaluate(batch)?.into_array(batch.num_rows())?;
        let Some(texts) = texts.as_string_view_opt() else {
            return internal_err!("a text came in another layout");
        };
        let found = BooleanArray::new(self.within(texts.views()), texts.nulls().cloned());
        Ok(ColumnarValue::Array(Arc::new(found)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.value]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match <[_; 1]>::try_from(children) {
            Ok([value]) => Ok(Arc::new(Self {
                value,
                views: self.views.clone(),
                negated: self.negated,
            })),
            Err(_) => internal_err!("IN has one value"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a truth value is known and true.
#[derive(Debug, Eq)]
struct IsTrue(Arc<dyn PhysicalExpr>);

impl PartialEq for IsTrue {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq(&other.0)
    }
}

impl std::hash::Hash for IsTrue {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for IsTrue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} IS TRUE", self.0)
    }
}

impl PhysicalExpr for IsTrue {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let value = self.0.evaluate(batch)?.into_array(batch.num_rows())?;
        let Some(value) = value.as_boolean_opt() else {
            return internal_err!("IS TRUE is asked of truth values");
        };
        let known = match value.nulls() {
            Some(known) => value.values() & known.inner(),
            None => value.values().clone(),
        };
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(known, None))))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.0]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match <[_; 1]>::try_from(children) {
            Ok([value]) => Ok(Arc::new(Self(value))),
            Err(_) => internal_err!("IS TRUE has one value"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
