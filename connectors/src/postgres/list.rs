//! How does an array become a list? Its binary form (`array_send` in PostgreSQL's `arrayfuncs.c`) is: number of dimensions,
//! whether there are NULLs, oid of the elements; per dimension its length and lower bound; then every element, length first.
//!
//! Bounds are not kept: `[5:6]={1,2}` is the list of 1 and 2. An array without elements has no dimensions.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, ListArray, NullBufferBuilder},
    buffer::{OffsetBuffer, ScalarBuffer},
    datatypes::Field,
};

use super::{
    decode::{ColumnBuilder, Misfit, bytes},
    types::{ColumnType, Wire},
};

/// A column of lists, as deep as it was declared.
#[derive(Debug)]
pub(super) struct ListBuilder {
    /// Where the lists of each dimension end, the outermost first.
    ends: Vec<Vec<i32>>,
    nulls: NullBufferBuilder,
    wire: Wire,
    elements: ColumnBuilder,
}

impl ListBuilder {
    /// An empty column for `rows` lists.
    pub(super) fn new(kind: ColumnType, rows: usize) -> Self {
        Self {
            ends: vec![vec![0]; usize::from(kind.dimensions)],
            nulls: NullBufferBuilder::new(rows),
            wire: kind.wire,
            elements: ColumnBuilder::elements(kind.wire),
        }
    }

    /// Would [`ListBuilder::append`] take this? What it refuses it may have begun.
    pub(super) fn check(&self, raw: Option<&[u8]>) -> Result<(), Misfit> {
        let empty = Self {
            ends: vec![vec![0]; self.ends.len()],
            nulls: NullBufferBuilder::new(1),
            wire: self.wire,
            elements: ColumnBuilder::elements(self.wire),
        };
        { empty }.append(raw)
    }

    /// Adds an array in its binary form, or NULL.
    pub(super) fn append(&mut self, raw: Option<&[u8]>) -> Result<(), Misfit> {
        let lengths = match raw {
            None => None,
            Some(raw) => Some(self.array(raw)?),
        };
        self.nulls.append(lengths.is_some());
        let mut lists = 1;
        let lengths = lengths.unwrap_or_default();
        for (dimension, ends) in self.ends.iter_mut().enumerate() {
            let length = lengths.get(dimension).copied().unwrap_or(0);
            for _ in 0..lists {
                let end = ends.last().copied().unwrap_or(0);
                ends.push(end.checked_add(length).ok_or(Misfit::OutOfRange)?);
            }
            lists *= usize::try_from(length).map_err(|_| Misfit::Malformed)?;
        }
        Ok(())
    }

    /// Adds the elements; gives the length of each dimension.
    fn array(&mut self, raw: &[u8]) -> Result<Vec<i32>, Misfit> {
        let (dimensions, raw) = number(raw)?;
        let (_, raw) = number(raw)?;
        let (_, mut raw) = number(raw)?;
        if dimensions == 0 {
            return Ok(Vec::new());
        }
        if usize::try_from(dimensions) != Ok(self.ends.len()) {
            return Err(Misfit::Dimensions);
        }
        let mut lengths = Vec::with_capacity(self.ends.len());
        for _ in 0..dimensions {
            let (length, rest) = number(raw)?;
            let (_, rest) = number(rest)?;
            lengths.push(length);
            raw = rest;
        }
        let count = lengths.iter().try_fold(1_usize, |count, length| {
            count.checked_mul(usize::try_from(*length).ok()?)
        });
        // Each element has four bytes at least: no length is believed beyond what came.
        let count = count.filter(|count| *count <= raw.len() / 4).ok_or(Misfit::Malformed)?;
        let mut at = raw;
        let elements = (0..count).map(|_| {
            let (length, rest) = number(at)?;
            if length == -1 {
                at = rest;
                return Ok(None);
            }
            let length = usize::try_from(length).map_err(|_| Misfit::Malformed)?;
            let (value, rest) = rest.split_at_checked(length).ok_or(Misfit::Malformed)?;
            at = rest;
            Ok(Some(value))
        });
        self.elements.extend(elements)?;
        if at.is_empty() {
            Ok(lengths)
        } else {
            Err(Misfit::Malformed)
        }
    }

    /// The finished column.
    pub(super) fn finish(&mut self) -> ArrayRef {
        let mut inner = self.elements.finish();
        self.elements = ColumnBuilder::elements(self.wire);
        let nulls = self.nulls.finish();
        let outermost = self.ends.len();
        for (left, ends) in self.ends.iter_mut().rev().enumerate() {
            let ends = std::mem::replace(ends, vec![0]);
            let field = Arc::new(Field::new("item", inner.data_type().clone(), true));
            let nulls = if left + 1 == outermost { nulls.clone() } else { None };
            // Ends only grow, from 0 to the number of elements.
            inner = Arc::new(ListArray::new(
                field,
                OffsetBuffer::new(ScalarBuffer::from(ends)),
                inner,
                nulls,
            ));
        }
        inner
    }
}

fn number(raw: &[u8]) -> Result<(i32, &[u8]), Misfit> {
    let (number, rest) = raw.split_at_checked(4).ok_or(Misfit::Malformed)?;
    Ok((i32::from_be_bytes(bytes(number)?), rest))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};

    use super::*;
    use crate::postgres::types::{Comparison, Output};

    fn builder(dimensions: u8) -> ListBuilder {
        let kind = ColumnType {
            wire: Wire::Int4,
            dimensions,
            output: Output::Plain,
            comparison: Comparison::Nothing,
        };
        ListBuilder::new(kind, 4)
    }

    fn wire(lengths: &[i32], elements: &[Option<i32>]) -> Vec<u8> {
        let mut raw: Vec<i32> = vec![i32::try_from(lengths.len()).unwrap(), 0, 23];
        for length in lengths {
            raw.extend([*length, 1]);
        }
        for element in elements {
            raw.extend(element.map_or(vec![-1], |element| vec![4, element]));
        }
        raw.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    #[test]
    fn lists_of_lists_keep_their_shape() {
        let mut builder = builder(2);
        builder
            .append(Some(&wire(&[2, 3], &[1, 2, 3, 4, 5, 6].map(Some))))
            .unwrap();
        builder.append(None).unwrap();
        builder.append(Some(&wire(&[], &[]))).unwrap();
        builder.append(Some(&wire(&[1, 1], &[None]))).unwrap();
        let column = builder.finish();
        let lists = column.as_list::<i32>();
        assert_eq!((lists.len(), lists.is_null(1), lists.value(2).len()), (4, true, 0));
        let first = lists.value(0);
        let rows = first.as_list::<i32>();
        assert_eq!(
            rows.value(1).as_primitive::<arrow::datatypes::Int32Type>().values(),
            &[4, 5, 6]
        );
        assert!(lists.value(3).as_list::<i32>().value(0).is_null(0));
        assert_eq!(builder.finish().len(), 0);
    }

    #[test]
    fn other_shapes_are_refused() {
        assert_eq!(
            builder(1).append(Some(&wire(&[1, 1], &[None]))),
            Err(Misfit::Dimensions)
        );
        assert_eq!(builder(2).append(Some(&wire(&[1], &[None]))), Err(Misfit::Dimensions));
        assert_eq!(builder(1).append(Some(&wire(&[2], &[None]))), Err(Misfit::Malformed));
        assert_eq!(
            builder(1).append(Some(&wire(&[i32::MAX], &[None]))),
            Err(Misfit::Malformed)
        );
        assert_eq!(
            builder(2).append(Some(&wire(&[-1, -1], &[None]))),
            Err(Misfit::Malformed)
        );
        assert_eq!(builder(1).append(Some(&wire(&[0], &[None]))), Err(Misfit::Malformed));
        assert_eq!(builder(1).append(Some(&[0, 0])), Err(Misfit::Malformed));
    }
}
